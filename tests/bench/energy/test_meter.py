"""`bench.energy.meter` with counters of a simulated machine and a simulated clock."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from bench.devices.cuda import nvml
from bench.devices.cuda.nvml import NvmlGpu
from bench.energy import counters as energy_counters
from bench.energy.meter import ASSUMED_W_PER_CARD, ASSUMED_W_PER_CORE, EnergyMeter, Usage
from bench.errors import InputError
from tests.support.fake_nvml import fake_package

RANGE_UJ = 262_143_328_850  # a real package's


class Clock:
    """Clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Machine:
    """A file tree with RAPL's zones in it."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock = root, Clock()
        (root / "proc").mkdir()
        (root / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n")

    def set_zone(self, zone: str, name: str, uj: int, range_uj: int = RANGE_UJ) -> None:
        folder = self.root / "sys/class/powercap" / zone
        folder.mkdir(parents=True, exist_ok=True)
        result = {"name": name, "energy_uj": str(uj), "max_energy_range_uj": str(range_uj)}
        for file, text in result.items():
            (folder / file).write_text(text + "\n")

    def start(self, threads: int = 2, processes: int = 1) -> EnergyMeter:
        return EnergyMeter.start(
            "cpu", threads, processes=processes, root=self.root, clock=self.clock
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_a_counter_energy_is_assumed_per_core(machine: Machine) -> None:
    meter = machine.start(threads=2, processes=3)
    machine.clock.now_s += 10

    used = meter.stop()

    assert used == Usage(
        device="Some CPU @ 2 GHz",
        processes=3,
        cores=6,
        wall_s=10.0,
        device_s=60.0,
        energy_j=60.0 * ASSUMED_W_PER_CORE,
        how="assumed 5 W a core",
    )
    assert not used.measured


def test_packages_and_memory_are_counted_without_their_parts(machine: Machine) -> None:
    zones = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "dram",
        "intel-rapl:1": "package-1",
        "intel-rapl:2": "psys",
    }
    for zone, name in zones.items():
        machine.set_zone(zone, name, 5_000_000)
    meter = machine.start()
    for zone, name in zones.items():
        machine.set_zone(zone, name, 9_000_000)
    machine.clock.now_s += 4

    used = meter.stop()

    assert (used.energy_j, used.how) == (12.0, "rapl")  # two packages and memory, 4 J each
    assert used.measured


def test_a_counter_that_wraps_around_is_followed(machine: Machine) -> None:
    machine.set_zone("intel-rapl:0", "package-0", RANGE_UJ - 999_999)
    meter = machine.start()
    machine.clock.now_s += 60
    machine.set_zone("intel-rapl:0", "package-0", 2_000_000)  # 999,999 + 1 + 2,000,000 later
    meter.look()
    machine.set_zone("intel-rapl:0", "package-0", 5_000_000)
    machine.clock.now_s += 60

    assert meter.stop().energy_j == 6.0


def test_a_counter_that_may_have_wrapped_unseen_is_not_used(machine: Machine) -> None:
    machine.set_zone("intel-rapl:0", "package-0", 0, range_uj=50_000_000_000)
    meter = machine.start(threads=1)
    machine.set_zone("intel-rapl:0", "package-0", 1_000_000_000, range_uj=50_000_000_000)
    machine.clock.now_s += 99  # at 500 W, 50 kJ take 100 s
    assert meter.stop().energy_j == 1000.0

    machine.clock.now_s += 101

    assert meter.stop().how == "assumed 5 W a core"
    assert meter.stop().energy_j == 200 * ASSUMED_W_PER_CORE


def test_regular_readings_keep_the_counter_of_a_long_run_valid(machine: Machine) -> None:
    machine.set_zone("intel-rapl:0", "package-0", 0, range_uj=50_000_000_000)
    meter = machine.start()
    for minute in range(1, 11):
        machine.clock.now_s += 60
        machine.set_zone("intel-rapl:0", "package-0", minute * 10**9, range_uj=50_000_000_000)
        meter.look()

    assert meter.stop().energy_j == 10_000.0


def test_an_unreadable_counter_is_not_used(machine: Machine) -> None:
    machine.set_zone("intel-rapl:0", "package-0", 0)
    (machine.root / "sys/class/powercap/intel-rapl:0/energy_uj").write_text("")

    assert machine.start().stop().how == "assumed 5 W a core"


def test_energy_is_assumed_where_a_counter_disappears(machine: Machine) -> None:
    machine.set_zone("intel-rapl:0", "package-0", 0)
    meter = machine.start(threads=1)
    (machine.root / "sys/class/powercap/intel-rapl:0/energy_uj").unlink()
    machine.clock.now_s += 2

    assert meter.stop().energy_j == 2 * ASSUMED_W_PER_CORE


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers of the only card, which may be changed later."""
    answers: dict[str, Any] = {
        "nvmlInit": None,
        "nvmlDeviceGetHandleByUUID": "card",
        "nvmlDeviceGetUUID": "GPU-1",
        "nvmlDeviceGetName": "NVIDIA H100 80GB HBM3",
        "nvmlDeviceGetEnforcedPowerLimit": 700_000,
        "nvmlDeviceGetTotalEnergyConsumption": 1_000_000,
    }
    silent = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    others = [name for name in dir(pynvml) if name.startswith(("nvmlDeviceGet", "nvmlSystemGet"))]
    package = fake_package(**{**dict.fromkeys(others, silent), **answers})

    def answer(name: str) -> Any:
        if isinstance(answers[name], BaseException):
            raise answers[name]
        return answers[name]

    for name in answers:
        setattr(package, name, lambda *_, name=name: answer(name))
    monkeypatch.setitem(sys.modules, "pynvml", package)
    nvml._started.cache_clear()
    monkeypatch.setattr(
        "bench.energy.meter.cards_from", lambda number, count: [NvmlGpu("GPU-1")][: count + number]
    )
    return answers


def test_energy_of_a_gpu_is_its_own_count(card: dict[str, Any]) -> None:
    clock = Clock()
    meter = EnergyMeter.start("cuda:0", 4, clock=clock)
    card["nvmlDeviceGetTotalEnergyConsumption"] = 3_500_000  # millijoules
    clock.now_s += 10

    used = meter.stop()

    assert (used.device, used.how, used.energy_j) == ("NVIDIA H100 80GB HBM3", "nvml", 2500.0)
    assert (used.cores, used.device_s) == (4, 10.0)


def test_a_gpu_without_a_count_is_assumed_at_its_power_limit(card: dict[str, Any]) -> None:
    silent = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    card["nvmlDeviceGetTotalEnergyConsumption"] = silent
    clock = Clock()
    meter = EnergyMeter.start("cuda:0", 4, clock=clock)
    clock.now_s += 10

    used = meter.stop()

    assert (used.how, used.energy_j) == ("assumed 700 W a card, its power limit", 7000.0)


def test_a_lost_gpu_is_assumed_at_its_power_limit(card: dict[str, Any]) -> None:
    clock = Clock()
    meter = EnergyMeter.start("cuda:0", 4, clock=clock)
    card["nvmlDeviceGetTotalEnergyConsumption"] = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
    clock.now_s += 1

    assert meter.stop().how == "assumed 700 W a card, its power limit"


def test_without_a_driver_a_gpu_has_the_default_power(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.energy.meter.cards_from", lambda number, count: [])
    clock = Clock()
    meter = EnergyMeter.start("cuda:1", 4, processes=2, clock=clock)
    clock.now_s += 1

    used = meter.stop()

    assert (used.device, used.how) == ("cuda:1", "assumed 300 W a card")
    assert used.energy_j == 2 * ASSUMED_W_PER_CARD


def test_gpus_are_those_of_torch_from_the_given_number(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from bench.devices.cuda import torch_driver

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch_driver, "uuid_of", lambda number: f"GPU-{number}")
    monkeypatch.setattr(energy_counters, "NvmlGpu", lambda uuid: SimpleNamespace(uuid=uuid))

    assert [vars(gpu)["uuid"] for gpu in energy_counters.cards_from(1, 4)] == ["GPU-1", "GPU-2"]


def test_usage_survives_json() -> None:
    used = Usage(
        device="a", processes=1, cores=2, wall_s=1.5, device_s=3.0, energy_j=15.0, how="rapl"
    )

    assert Usage.from_json(json.loads(json.dumps(used.to_json()))) == used
    with pytest.raises(InputError, match="how is missing"):
        Usage.from_json({k: v for k, v in used.to_json().items() if k != "how"})
    with pytest.raises(InputError, match="at least 0"):
        Usage.from_json({**used.to_json(), "energy_j": float("nan")})
