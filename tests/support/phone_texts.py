"""Answers of two phones to the scripts for phones: a Note8 on Android 9, a Pixel 2 on 11.

Written after the formats of Android's own services; no text of a real phone.
"""

from collections.abc import Mapping

from bench.devices.remote.facts.shell_queries import MARK

CPU = "/sys/devices/system/cpu"
NOTE8_PROPERTIES = {
    "ro.product.model": "SM-N950F",
    "ro.product.manufacturer": "samsung",
    "ro.product.device": "greatlte",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.board.platform": "universal8895",
    "ro.hardware.chipname": "exynos8895",
    "ro.build.version.release": "9",
    "ro.build.version.sdk": "28",
    "ro.build.version.security_patch": "2019-12-01",
    "ro.build.fingerprint": "samsung/greatltexx/greatlte:9/PPR1/N950F:user/release-keys",
    "ro.empty": "",
    "ro.two.lines": "one\n[two]: no",
}
PIXEL2_PROPERTIES = {
    "ro.product.model": "Pixel 2",
    "ro.product.manufacturer": "Google",
    "ro.product.device": "walleye",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.board.platform": "msm8998",
    "ro.build.version.release": "11",
    "ro.build.version.sdk": "30",
    "ro.build.version.security_patch": "2020-12-05",
    "ro.build.fingerprint": "google/walleye/walleye:11/RP1A.201005.004.A1/1:user/release-keys",
}
A53_M2 = """\
Processor\t: AArch64 Processor rev 4 (aarch64)
processor\t: 0
CPU implementer\t: 0x41
CPU part\t: 0xd03

processor\t: 4
CPU implementer\t: 0x53
CPU part\t: 0x001

Hardware\t: samsung Exynos8895
"""
NOTE8_BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  status: 2
  health: 2
  level: 83
  scale: 100
  voltage: 4123
  temperature: 312
  technology: Li-ion
[EventLog]
08-11 18:34:14.721  Sending ACTION_BATTERY_CHANGED: level:72, temperature:345
  level: 1
"""
PIXEL2_BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: false
  Wireless powered: false
  status: 3
  level: 150
  scale: 200
  temperature: 287
"""
PIXEL2_THERMAL = """\
IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
Thermal Status: 2
Cached temperatures:
\tTemperature{mValue=61.2, mType=0, mName=cpu0-silver-usr, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
\tTemperature{mValue=38.5, mType=0, mName=cpu0-silver-usr, mStatus=0}
\tTemperature{mValue=41.25, mType=0, mName=cpu0-gold-usr, mStatus=0}
\tTemperature{mValue=55.0, mType=2, mName=battery, mStatus=0}
Current cooling devices from HAL:
\tCoolingDevice{mValue=0, mType=2, mName=cpu0}
Temperature static thresholds from HAL:
\tTemperatureThreshold{mType=3, mName=skin, mHotThrottlingThresholds=[NaN, 41.0]}
"""
MEMORY = "MemTotal:        5696752 kB\nMemFree:          211556 kB\nMemAvailable:    2750836 kB\n"


def script_output(sections: Mapping[str, str]) -> str:
    """Return the output of a script with these sections."""
    marked = [f"\n{MARK} {name}\n{answer}" for name, answer in sections.items()]
    return "\n".join([*marked, f"\n{MARK} end\n"])


def getprop(properties: Mapping[str, str]) -> str:
    return "\n".join(f"[{name}]: [{value}]" for name, value in properties.items())


def cpufreq(names: Mapping[str, tuple[object, object]]) -> str:
    """Write files of eight cores: `names` holds a value for cores 0 to 3 and one for 4 to 7."""
    return "\n".join(
        f"{CPU}/cpu{core}/cpufreq/{name} {values[core // 4]}"
        for name, values in names.items()
        for core in range(8)
    )


def phone_facts(properties: Mapping[str, str], big_khz: int, little_khz: int) -> dict[str, str]:
    files = {
        "cpuinfo_min_freq": (300000, 741000),
        "cpuinfo_max_freq": (little_khz, big_khz),
        "scaling_governor": ("interactive", "schedutil"),
    }
    folders = "\n".join(f"{CPU}/cpu{core}" for core in range(8))
    cpus = f"{CPU}/possible 0-7\n{CPU}/present 0-7\n{CPU}/online 0-7\n{folders}"
    return {
        "getprop": getprop(properties),
        "uname": "4.4.111-17671090\naarch64",
        "cpus": cpus,
        "cpufreq": cpufreq(files),
        "cpuinfo": A53_M2,
        "boot_id": "9f1e2d3c-0000-4000-8000-123456789abc",
    }


NOTE8 = phone_facts(NOTE8_PROPERTIES, 2314000, 1690000)
PIXEL2 = phone_facts(PIXEL2_PROPERTIES, 2361600, 1900800)
NOTE8_MOMENT = {
    "cpufreq": cpufreq(
        {"scaling_cur_freq": (455000, 2314000), "scaling_max_freq": (1690000, 2314000)}
    ),
    "zones": "\n".join(
        f"/sys/class/thermal/thermal_zone{number}/{file}"
        for number, name, value in ((0, "BIG", 41500), (1, "LITTLE", 39), (2, "battery", 312))
        for file in (f"type {name}", f"temp {value}")
    ),
    "battery": NOTE8_BATTERY,
    "thermal": "Can't find service: thermalservice",
    "power": "  mWakefulness=Awake\nDisplay Power: state=ON",
    "power_save": "null",
    "load": "2.75 2.66 2.51 1/1234 5678",
    "memory": MEMORY,
}
PIXEL2_MOMENT = {
    **NOTE8_MOMENT,
    "zones": "",
    "battery": PIXEL2_BATTERY,
    "thermal": PIXEL2_THERMAL,
    "power": "  mWakefulness=Asleep",
    "power_save": "1",
}
# Zones of a Snapdragon 865 at 97 % of charge: `soc` is that percentage, beside volts (mV), amperes
# (mA), limits and sensors that are off. Names are Qualcomm's and Google's, values made up.
QUALCOMM_ZONES = {
    "cpu-0-0-usr": 34000,
    "cpu-1-7-step": 33200,
    "gpuss-0-usr": 36100,
    "soc": 97,
    "socd": 3,
    "pm8150b-ibat-lvl0": 546,
    "ibat-high": 900,
    "vbat": 4200,
    "pm8150b-vbat-lvl2": 3986,
    "pm8150l-vph-lvl0": 3700,
    "pm8150b-bcl-lvl0": 0,
    "pm8150l-bcl-lvl0": -274000,
    "lmh-dcvs-00": 75000,
    "ocp_cpu1": 6900,
    "soft_ocp_cpu2": 8900,
    "battery_cycle": 212,
    "camera-therm-usr": -40000,
    "xo-therm-usr": 28423,
    "battery": 25500,
}
# A Pixel's HAL: types 6, 7 and 8 are volts, amperes and percent; -1 holds differences too.
HAL_OF_ALL_TYPES = """\
Thermal Status: 0
Cached temperatures:
\tTemperature{mValue=88.0, mType=0, mName=BIG, mStatus=3}
HAL Ready: true
Current temperatures from HAL:
\tTemperature{mValue=77.0, mType=8, mName=soc, mStatus=0}
\tTemperature{mValue=41.2, mType=0, mName=CPU0, mStatus=0}
\tTemperature{mValue=4.3, mType=6, mName=vbat, mStatus=6}
\tTemperature{mValue=8.9, mType=7, mName=soft_ocp_cpu2, mStatus=0}
\tTemperature{mValue=57.5, mType=1, mName=GPU0, mStatus=0}
\tTemperature{mValue=44.0, mType=9, mName=nsp0, mStatus=0}
\tTemperature{mValue=45.0, mType=13, mName=SOC, mStatus=0}
\tTemperature{mValue=33.1, mType=3, mName=VIRTUAL-SKIN, mStatus=0}
\tTemperature{mValue=0.0, mType=2, mName=SUBBAT, mStatus=0}
\tTemperature{mValue=9.5, mType=-1, mName=USB2-MINUS-QI, mStatus=0}
\tTemperature{mValue=40.5, mType=-1, mName=cpu7-usr, mStatus=0}
\tTemperature{mValue=66.0, mType=99, mName=made-later, mStatus=0}
\tTemperature{mValue=NaN, mType=0, mName=CPU1, mStatus=0}
\tTemperature{mValue=125.0, mType=0, mName=CPU2, mStatus=0}
Current cooling devices from HAL:
\tTemperature{mValue=99.0, mType=0, mName=CPU9, mStatus=0}
"""
SAMSUNG_THERMAL = """\
Current temperatures from HAL:
\tTemperature{mValue=45.6, mType=0, mName=AP, mStatus=0}
\tTemperature{mValue=50.7, mType=5, mName=PA, mStatus=0}
\tTemperature{mValue=33.3, mType=2, mName=BAT, mStatus=0}
"""


def zones(readings: Mapping[str, int]) -> str:
    """Write what the type and temp files of thermal zones say."""
    return "\n".join(
        f"/sys/class/thermal/thermal_zone{number}/{file}"
        for number, (name, value) in enumerate(readings.items())
        for file in (f"type {name}", f"temp {value}")
    )
