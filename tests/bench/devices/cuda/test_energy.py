"""Energy of a simulated GPU: the driver's total, sampled power, and neither."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.backends.fake import FakeBackend
from bench.blocks.spec import BlockSpec
from bench.devices.cuda.device import CudaDevice
from bench.devices.cuda.energy import NONE, gpu_sensor
from bench.devices.cuda.gpu_state import GpuReading
from bench.errors import DeviceError
from bench.protocol.device import Workload
from bench.protocol.energy import EnergyPlan
from bench.protocol.target import Target
from bench.timing.energy import Energy
from tests.support.fake_gpu import FakeGpu, fake_gpu
from tests.support.fake_nvml import CALM, FakeGpuState
from tests.support.fake_sensors import SensorMachine

BLOCK = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
IDLE_W, KERNEL_UJ = 50.0, 3000.0


class CountingGpu(FakeGpu):
    """A simulated GPU that counts its kernels."""

    kernels = 0

    def _kernel(self, cost_ns: float) -> None:
        self.kernels += 1
        super()._kernel(cost_ns)


def drawn_j(gpu: CountingGpu, now_s: float) -> float:
    """The idle GPU's power, and 3 mJ for each kernel so far."""
    return IDLE_W * now_s + gpu.kernels * KERNEL_UJ / 1e6


def energy(device: CudaDevice) -> Energy:
    target = Target(device="gpu", backend="fake", backend_version="1")
    work = [Workload(role="block", blocks=(BLOCK,))]
    results = list(device.measure_energy(work, FakeBackend(), target, EnergyPlan(least_s=0.05)))
    return Energy.of(results, device.energy_source().name)


def test_the_drivers_total_gives_the_energy_of_a_kernel() -> None:
    gpu = CountingGpu()
    state = FakeGpuState(clock=gpu.clock_s, total=lambda now_s: drawn_j(gpu, now_s))

    result = energy(fake_gpu(gpu, state))

    assert result.source == "nvml total energy (GPU)"
    assert result.energy_mj == pytest.approx(KERNEL_UJ / 1e3, rel=0.01)
    assert result.idle_w == pytest.approx(IDLE_W)


def test_without_a_total_the_power_is_sampled() -> None:
    gpu = CountingGpu()
    seen = [0]

    def reading(_: int) -> GpuReading:
        busy, seen[0] = gpu.kernels > seen[0], gpu.kernels
        return replace(CALM, power_w=130.0 if busy else 50.0)

    state = FakeGpuState(clock=gpu.clock_s, at=reading)

    result = energy(fake_gpu(gpu, state))

    assert result.source == "nvml power (GPU), sampled"
    assert result.idle_w == pytest.approx(50.0, rel=0.3)
    assert result.energy_mj > 0


def test_a_gpu_that_reports_nothing_says_so() -> None:
    device = fake_gpu(state=FakeGpuState(at=lambda _: replace(CALM, power_w=None)))

    assert device.energy_source().reason == NONE
    assert not energy(device).known


def test_a_total_that_ends_is_an_error() -> None:
    totals: list[float | None] = [5.0, None]
    state = FakeGpuState(total=lambda _: totals.pop(0))
    sensor = gpu_sensor(state, lambda: 0.0)
    assert sensor is not None

    with pytest.raises(DeviceError, match="no longer counts"):
        sensor.read()


def test_a_board_with_a_gpu_is_measured_by_its_supply(tmp_path: Path) -> None:
    machine = SensorMachine(tmp_path)
    machine.add_hwmon(0, "ina3221", in1_label="VDD_IN", in1_input=5_000, curr1_input=2_000)
    silent = FakeGpuState(at=lambda _: replace(CALM, power_w=None))

    sensor = gpu_sensor(silent, machine.clock, tmp_path)

    assert sensor is not None
    assert (sensor.name, sensor.read().watts) == ("ina3221 (VDD_IN)", 10.0)
    (tmp_path / "sys/class/hwmon/hwmon0/in1_input").write_text("off")
    assert gpu_sensor(silent, machine.clock, tmp_path) is None
