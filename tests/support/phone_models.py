"""Models of the two test phones: what they report.

Sources: frequencies, governor, boards and core numbers of the Exynos 8895 from the files of a
Galaxy S8, the same chip (pytorch/cpuinfo, test/mock/galaxy-s8-global.h); build fingerprints from
logs and device trees of the models (greatlte:9 of N950FXXUGDVG5; walleye:11, Google's last);
core numbers of the MSM8998 as other dumps of it have them; its highest frequencies as published
for the Pixel 2. Thermal zones: Samsung's device trees name theirs BIG, LITTLE, G3D and count
thousandths of a degree; Qualcomm's `tsens` count tenths on kernels of that time, beside a battery
in thousandths and a skin sensor in whole degrees (AOSP's thermal HAL of the MSM8996, oneplus3).
Memory is 6 and 4 GB less what a kernel keeps: of that size, not read from one.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cluster:
    """Cores of one kind; frequencies in kHz, `part` as in /proc/cpuinfo."""

    cores: range
    min_khz: int
    max_khz: int
    implementer: str
    variant: str
    part: str
    revision: int


@dataclass(frozen=True)
class Zone:
    """A thermal zone of /sys; `per_degree` is its unit: 1000, 10 or 1 to a degree Celsius."""

    name: str
    per_degree: int
    celsius: float
    of_cpu: bool = False


@dataclass(frozen=True)
class Model:
    """A phone as it leaves the factory: properties, cores, sensors, settings."""

    properties: dict[str, str]
    clusters: tuple[Cluster, ...]
    governor: str
    zones: tuple[Zone, ...]
    settings: dict[str, str]  # "global/low_power": "0"
    memory_kb: int
    hardware: str  # last line of /proc/cpuinfo; "" where there is none
    thermal_service: bool  # `dumpsys thermalservice`: since Android 10
    fixed_performance: bool  # `cmd power set-fixed-performance-mode-enabled`: since Android 11


def _build(fingerprint: str, model: str) -> dict[str, str]:
    """Properties that a build's fingerprint, `brand/name/device:release/id/number`, is made of."""
    product, version = fingerprint.split(":")
    brand, name, device = product.split("/")
    release, identity, incremental = version.split("/")
    return {
        "ro.build.fingerprint": f"{fingerprint}:user/release-keys",
        "ro.build.id": identity,
        "ro.build.tags": "release-keys",
        "ro.build.type": "user",
        "ro.build.version.incremental": incremental,
        "ro.build.version.release": release,
        "ro.debuggable": "0",
        "ro.product.brand": brand,
        "ro.product.device": device,
        "ro.product.model": model,
        "ro.product.name": name,
        "ro.secure": "1",
        "sys.boot_completed": "1",
    }


NOTE8 = Model(
    properties={
        **_build("samsung/greatltexx/greatlte:9/PPR1.180610.011/N950FXXUGDVG5", "SM-N950F"),
        "ro.arch": "exynos8895",
        "ro.board.platform": "exynos5",
        "ro.build.version.sdk": "28",
        "ro.build.version.security_patch": "2022-07-01",  # the month that VG5 stands for
        "ro.chipname": "exynos8895",
        "ro.hardware": "samsungexynos8895",
        "ro.product.board": "universal8895",
        "ro.product.manufacturer": "samsung",
        "ro.serialno": "ce0000000000000a01",  # no phone's
    },
    clusters=(
        Cluster(range(4), 455_000, 1_690_000, "0x41", "0x0", "0xd03", 4),
        Cluster(range(4, 8), 741_000, 2_314_000, "0x53", "0x4", "0x001", 0),
    ),
    governor="interactive",
    zones=(
        Zone("BIG", 1000, 38.0, of_cpu=True),
        Zone("LITTLE", 1000, 36.0, of_cpu=True),
        Zone("G3D", 1000, 35.0),
        Zone("battery", 1000, 29.0),
    ),
    settings={
        "global/low_power": "0",
        "global/stay_on_while_plugged_in": "0",
        "system/screen_brightness": "128",
        "system/screen_brightness_mode": "1",
        "system/screen_off_timeout": "30000",
    },
    memory_kb=5_709_180,
    hardware="",
    thermal_service=False,
    fixed_performance=False,
)

PIXEL2 = Model(
    properties={
        **_build("google/walleye/walleye:11/RP1A.201005.004.A1/6934943", "Pixel 2"),
        "ro.board.platform": "msm8998",
        "ro.build.version.sdk": "30",
        "ro.build.version.security_patch": "2020-12-05",
        "ro.hardware": "walleye",
        "ro.product.board": "walleye",
        "ro.product.manufacturer": "Google",
        "ro.serialno": "FA0000000000",  # no phone's
    },
    clusters=(
        Cluster(range(4), 300_000, 1_900_800, "0x51", "0xa", "0x801", 4),
        Cluster(range(4, 8), 300_000, 2_361_600, "0x51", "0xa", "0x800", 1),
    ),
    governor="schedutil",
    zones=(
        Zone("tsens_tz_sensor1", 10, 37.5, of_cpu=True),
        Zone("tsens_tz_sensor7", 10, 38.5, of_cpu=True),
        Zone("tsens_tz_sensor13", 10, 35.0),
        Zone("battery", 1000, 28.0),
        Zone("quiet_therm", 1, 31.0),
    ),
    settings={  # low_power is not there before a user first turns battery saver on
        "global/stay_on_while_plugged_in": "0",
        "system/screen_brightness": "102",
        "system/screen_brightness_mode": "1",
        "system/screen_off_timeout": "60000",
    },
    memory_kb=3_788_584,
    hardware="Qualcomm Technologies, Inc MSM8998",
    thermal_service=True,
    fixed_performance=True,
)

MODELS = {"note8": NOTE8, "pixel2": PIXEL2}
