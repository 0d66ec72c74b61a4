"""This machine as a device: its facts, its cores, and disturbances."""

import os
from pathlib import Path

import psutil
import pytest

from bench.backends.registry import get_backend
from bench.devices.cpu import busy_check, host_facts
from bench.devices.cpu.disturbance_monitor import LinuxMonitor, stolen_ticks
from bench.devices.cpu.local import LocalDevice, choose_cores, parse_cores, pinned
from bench.devices.fake import FakeDevice
from bench.devices.registry import discover_devices, get_device
from bench.errors import DeviceError, InputError
from bench.protocol.device import ReplicatePlan
from bench.protocol.target import Target
from bench.timing.references import COMPUTE

CPUINFO = """\
processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 7763 64-Core Processor
microcode\t: 0xa0011d1
flags\t\t: fpu avx2 fma hypervisor

processor\t: 1
model name\t: another
"""


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_facts_are_read_from_the_system_files(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu"
    root = machine(
        tmp_path,
        {
            "proc/cpuinfo": CPUINFO,
            f"{cpu}/cpu0/cpufreq/scaling_governor": "performance\n",
            f"{cpu}/cpu0/cpufreq/scaling_max_freq": "3500000\n",
            f"{cpu}/cpu0/cpufreq/scaling_cur_freq": "2450000\n",
            f"{cpu}/cpu0/cache/index0/level": "1",
            f"{cpu}/cpu0/cache/index0/type": "Data",
            f"{cpu}/cpu0/cache/index0/size": "32K",
            f"{cpu}/cpu0/cache/index1/level": "1",
            f"{cpu}/cpu0/cache/index1/type": "Instruction",
            f"{cpu}/cpu0/cache/index1/size": "64K",
            "sys/class/thermal/thermal_zone0/temp": "41000\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
        },
    )

    facts = host_facts.host_facts(root)

    expected = {
        "cpu_model": "AMD EPYC 7763 64-Core Processor",
        "cpu_microcode": "0xa0011d1",
        "cpu_features": "avx2 fma",
        "governor": "performance",
        "frequency_max_khz": 3_500_000,
        "frequency_now_khz": 2_450_000,
        "frequency_min_khz": None,
        "cache_l1d": "32K",
        "cache_l2": None,
        "temperature_c": 41.0,
        "transparent_hugepages": "madvise",
        "virtual_machine": True,
    }
    assert {name: facts[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("zones", "temperature_c"),
    [
        (
            {"CPU-therm": 41000, "PMIC-Die": 100000, "GPU-therm": 47000},
            41.0,
        ),  # a Jetson: 100 always
        ({"acpitz": 27800, "x86_pkg_temp": 53000, "iwlwifi_1": 60000}, 53.0),
        ({"acpitz": 27800, "INT3400 Thermal": 20000}, 27.8),
        ({"cpu-1-0-usr": 38000, "soc": 97, "vbat": 4200}, 38.0),
        ({"cpu": -274000, "off": 0}, None),
        ({}, None),
    ],
)
def test_the_temperature_is_that_of_the_processor(
    tmp_path: Path, zones: dict[str, int], temperature_c: float | None
) -> None:
    texts = {
        f"sys/class/thermal/thermal_zone{number}/{file}": f"{text}\n"
        for number, (name, value) in enumerate(zones.items())
        for file, text in (("type", name), ("temp", value))
    }

    assert host_facts.changing_facts(machine(tmp_path, texts))["temperature_c"] == temperature_c


def test_unknown_facts_are_none(tmp_path: Path) -> None:
    bare, real = host_facts.host_facts(tmp_path), host_facts.host_facts()

    assert set(bare) == set(real)
    for name in ("cpu_microcode", "governor", "frequency_now_khz", "cache_l3", "virtual_machine"):
        assert bare[name] is None


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Intel(R) Xeon(R) Processor", "intel-xeon-processor"),
        ("AMD EPYC 7763 64-Core Processor", "amd-epyc-7763-processor"),
        ("Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz", "intel-core-i7-8650u"),
        ("Apple M2", "apple-m2"),
    ],
)
def test_a_slug_names_the_processor(tmp_path: Path, name: str, slug: str) -> None:
    root = machine(tmp_path, {"proc/cpuinfo": f"model name\t: {name}\n"})

    assert host_facts.slug(root) == slug


STAT = """\
cpu  10 0 10 100 0 0 0 7 0 0
cpu0 5 0 5 50 0 0 0 3 0 0
cpu1 5 0 5 50 0 0 0 4 0 0
intr 12345
"""


def test_stolen_time_is_that_of_the_cores_in_use() -> None:
    assert stolen_ticks(STAT, frozenset({1})) == 4
    assert stolen_ticks(STAT, frozenset()) == 7
    assert stolen_ticks("", frozenset({0})) == 0


def test_stolen_time_is_detected_once_the_counter_moved(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(STAT)
    with LinuxMonitor(frozenset({0}), whole_process=False, stat=stat) as monitor:
        assert monitor.stolen(last=True) is False
        stat.write_text(STAT.replace("50 0 0 0 3", "50 0 0 0 5"))
        assert monitor.stolen() is None
        assert monitor.stolen(last=True) is True
        assert monitor.stolen(last=True) is False


def test_preemption_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([1, 1, 4])
    monkeypatch.setattr(
        "bench.devices.cpu.disturbance_monitor._switch_counter", lambda _: lambda: next(counts)
    )
    with LinuxMonitor(frozenset(), whole_process=True) as monitor:
        assert monitor.preempted() is False
        assert monitor.preempted() is True


def test_a_process_is_pinned_within_the_block_only() -> None:
    before = os.sched_getaffinity(0)
    core = min(before)

    with pinned(str(core)) as cores:
        assert os.sched_getaffinity(0) == cores == {core}

    assert os.sched_getaffinity(0) == before


def test_unavailable_cores_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_facts, "allowed_cores", lambda: [2, 3])

    with pytest.raises(DeviceError, match="cores are 0, this process may use 2,3"):
        pinned("0").__enter__()


def test_as_many_cores_as_threads_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_facts, "allowed_cores", lambda: [2, 3, 5])

    assert choose_cores(2) == "2,3"
    assert choose_cores(1, "5") == "5"
    assert choose_cores(1, "5,2") == "2,5"
    assert choose_cores(3, "any") == ""
    for threads, cores in ((4, None), (2, "5"), (1, "0"), (4, "any")):
        with pytest.raises(InputError):
            choose_cores(threads, cores)


@pytest.mark.parametrize("text", ["", "a", "0,", "-1", "0-3", pytest.param("1" * 5000, id="long")])
def test_cores_must_be_numbers(text: str) -> None:
    with pytest.raises(InputError, match="cores are numbers"):
        parse_cores(text)


def test_a_busy_process_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([{("make", 7): 1.0, ("idle", 8): 5.0}, {("make", 7): 1.5, ("idle", 8): 5.0}])
    monkeypatch.setattr(busy_check, "_seconds", lambda: next(used))
    times = iter([10.0, 11.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    monkeypatch.setattr("time.sleep", lambda _: None)

    with pytest.raises(DeviceError, match=r"use 50% of a core \(most: make, process 7\).*--force"):
        busy_check.check_quiet()


def test_this_process_is_not_counted() -> None:
    assert all(number != os.getpid() for _, number in busy_check._seconds())
    assert all(isinstance(seconds, float) for seconds in busy_check._seconds().values())
    assert psutil.Process().name()


def test_a_fake_device_can_be_busy_and_runs_only_the_fake_backend() -> None:
    with pytest.raises(DeviceError, match=r"busy: a compiler.*--force"):
        FakeDevice(busy_with="a compiler").check_quiet()
    target = Target(device="fake", backend="torch", backend_version="1")
    with pytest.raises(DeviceError, match="runs only the backend fake, got onnx"):
        next(FakeDevice().run_replicate([COMPUTE], get_backend("onnx"), target, ReplicatePlan()))


def test_an_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="device is 'gpu7', expected one of: cpu"):
        get_device("gpu7")


def test_this_machine_is_discovered_with_its_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    (device,) = discover_devices(lambda text: None)

    assert (device.address, device.slug) == ("cpu", LocalDevice().slug())
    assert set(device.backends) == {"torch", "onnx", "tflite"}
    assert device.to_json()["facts"]["cpu_cores"] == os.cpu_count()
