"""Energy of a GPU: the driver's total where it counts one, else its power, sampled.

A Jetson's driver reports neither; the sensors of its board cover the GPU too.
"""

from pathlib import Path

from bench.devices.cuda.gpu_state import GpuState
from bench.errors import DeviceError
from bench.power.boards import board_sensor
from bench.power.sensor import Clock, CounterSensor, EnergySensor, SampledPower

# The driver updates both figures some ten to fifty times a second.
PERIOD_S = 0.02
NONE = "the driver of this GPU reports neither energy nor power, and no sensor of a board is here"


class _Total:
    """The joules that the driver counts, as a counter of microjoules."""

    def __init__(self, gpu: GpuState, first_j: float) -> None:
        self._gpu, self._first_j = gpu, first_j
        self.total_uj = 0

    def advance(self, now_s: float) -> None:
        """Read it; `ValueError` if the driver no longer counts."""
        del now_s
        joules = self._gpu.energy_j()
        if joules is None or joules < self._first_j:
            raise ValueError("the driver no longer counts the GPU's energy")
        self.total_uj = round((joules - self._first_j) * 1e6)


def gpu_sensor(gpu: GpuState, clock: Clock, root: Path = Path("/")) -> EnergySensor | None:
    """Return the sensor of a GPU, else that of the board at `root`; None without either."""
    first_j = gpu.energy_j()
    if first_j is not None:
        return CounterSensor(
            "nvml total energy (GPU)", [_Total(gpu, first_j)], clock, period_s=PERIOD_S
        )
    if gpu.moment().power_w is None:
        return _board(root, clock)

    def watts() -> float:
        power_w = gpu.moment().power_w
        if power_w is None:
            raise ValueError("the driver no longer reports the GPU's power")
        return power_w

    return SampledPower("nvml power (GPU), sampled", [watts], clock, period_s=PERIOD_S)


def _board(root: Path, clock: Clock) -> EnergySensor | None:
    try:
        return board_sensor(root, clock)
    except DeviceError:  # the reason to state is that of the GPU's driver
        return None
