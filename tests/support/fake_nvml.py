"""Fake NVML: a settable state of a GPU, and a package with nvidia-ml-py's names for it."""

import os
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.devices.cuda.gpu_state import GpuFacts, GpuProcess, GpuReading
from bench.errors import DeviceError

H100 = GpuFacts(
    name="NVIDIA H100 80GB HBM3",
    uuid="GPU-1",
    compute_capability="9.0",
    driver_version="580.1",
    cuda_version="13.0",
    memory_total_bytes=80 << 30,
    memory_free_bytes=79 << 30,
    clock_sm_max_mhz=1_980,
    clock_memory_max_mhz=2_619,
    power_limit_w=700.0,
    slowdown_c=87,
    mig=False,
    persistence=True,
    ecc=True,
    pcie_generation=5,
    pcie_width=16,
)
CALM = GpuReading(
    clock_sm_mhz=1_980, clock_memory_mhz=2_619, temperature_c=40, power_w=300.0, reasons=0
)


@dataclass
class FakeGpuState:
    """A `GpuState`. `at` gives the n-th reading."""

    what: GpuFacts = H100
    at: Callable[[int], GpuReading] = lambda _: CALM
    users: list[GpuProcess] = field(
        default_factory=lambda: [GpuProcess(pid=os.getpid(), used_bytes=1 << 30)]
    )
    busy: float | None = 0.0
    lost_at: int | None = None  # the reading at which it is lost
    looks: int = 0
    clock: Callable[[], float] = lambda: 0.0  # for the total of its energy
    total: Callable[[float], float | None] = lambda _: None  # joules at a time in seconds

    def facts(self) -> GpuFacts:
        return self.what

    def moment(self) -> GpuReading:
        self.looks += 1
        if self.lost_at is not None and self.looks >= self.lost_at:
            raise DeviceError("NVIDIA's management library says: GPU is lost")
        return self.at(self.looks)

    def processes(self) -> list[GpuProcess]:
        return self.users

    def energy_j(self) -> float | None:
        return self.total(self.clock())

    def busy_share(self) -> float | None:
        return self.busy


def fake_package(**answers: Any) -> types.ModuleType:
    """Return a module `pynvml` with the codes of the real one; an error as an answer is raised."""
    import pynvml

    module = types.ModuleType("pynvml")
    for name in dir(pynvml):
        if name.startswith("NVML"):
            setattr(module, name, getattr(pynvml, name))

    def answering(name: str) -> Callable[..., Any]:
        assert hasattr(pynvml, name), f"nvidia-ml-py has no {name}"

        def answer(*_: object) -> Any:
            if isinstance(answers[name], BaseException):
                raise answers[name]
            return answers[name]

        return answer

    for name in answers:
        setattr(module, name, answering(name))
    return module
