"""The interface of a device: it states its facts, and runs one replicate of a sweep."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.protocol.backend import Array, Backend
from bench.protocol.target import Target

Facts = Mapping[str, str | int | float | bool | None]
"""What is known of a device at a moment; what a machine does not tell is None, never left out."""

THROTTLED = "throttled"
"""Fact of a pass, True where the device slowed itself down: the pass is marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Something to time: a block, a whole network, a reference, or a model file.

    A block, network or reference consists of `blocks`; a model file has none, and `file` is the
    digest of its content and input shapes. `label` is the caller's own text for the workload (a
    network's architecture as JSON); `bench` stores it and never reads it. `footprint_bytes` and
    `estimate_ns` say about how much memory a model file needs and how long an inference takes.
    Two workloads are equal if role, blocks and file are.
    """

    role: str  # "block", "network", "reference", "model", "operator"
    blocks: tuple[BlockSpec, ...] = ()
    label: str = field(default="", compare=False)
    file: str = ""
    footprint_bytes: int = field(default=0, compare=False)
    estimate_ns: float = field(default=0.0, compare=False)

    @property
    def key(self) -> str:
        return self.role + ":" + (self.file or "|".join(block.key for block in self.blocks))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """How one load is run: everything that its figures depend on besides the device."""

    passes: int = 30  # at most: the sweep stops when enough of them can be used
    calls: int = 3
    seed: int = 0  # of this load: order of visits, weights, inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class PassResult:
    """One pass over a load's workloads, as it was measured."""

    samples_ns: NDArray[np.float64]  # workloads x calls of a visit, in the order of the workloads
    order: NDArray[np.int64]  # places in the order of all visits, retakes included
    retaken: int = 0  # visits taken again: switched out, or time stolen by the hypervisor
    facts: Facts = field(default_factory=dict)  # clocks, temperature, load average, ... now
    # Samples of the visits that were taken again, `retaken` x calls, in the order of `order`; NaN
    # where the device timed a visit wrongly. None where it does not give them.
    dropped_ns: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCosts:
    """Roughly what models cost a device. Only the sizes of groups follow from it.

    The default is a processor that nobody has measured yet: 10 GMAC/s, 50 us a call.
    `inner_shared`: activations inside all models take the same memory.
    """

    ns_per_mac: float = 0.1
    ns_per_call: float = 50_000.0
    inner_shared: bool = False


class Device(Protocol):
    """Hardware that can be measured."""

    @property
    def address(self) -> str:
        """What the user typed: `cpu`, `fake`, `adb:SERIAL`, `cuda:0`."""
        ...

    def slug(self) -> str:
        """The hardware's own name as in `Target.device`; equal on equal hardware."""
        ...

    def facts(self) -> Facts:
        """Model, cores, clocks, governor, memory, OS, load."""
        ...

    def runtime_version(self, backend: Backend) -> str:
        """Version of what runs the backend's files here; `InputError` where nothing does."""
        ...

    def choose_cores(self, threads: int, wanted: str | None) -> str:
        """Cores for `Target.cores`, from what the user asked for (None: nothing in particular).

        `InputError` where the device has not as many, or not those.
        """
        ...

    def options(self) -> tuple[tuple[str, str], ...]:
        """What of this device's settings changes a figure's meaning, for `Target.options`."""
        ...

    def load_costs(self) -> LoadCosts:
        """Roughly what models cost here."""
        ...

    def lock_name(self) -> str | None:
        """Name of this one piece of hardware, however it is addressed; None where none is needed.

        Letters, digits and dashes; see `bench.devices.device_lock`.
        """
        ...

    def check_quiet(self) -> None:
        """Raise `DeviceError` naming what else is using the device."""
        ...

    def infer(self, content: bytes, images: Array, backend: Backend, target: Target) -> Array:
        """Outputs of a model file for NCHW `images`, computed on the device."""
        ...

    def run_load(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: LoadPlan
    ) -> Generator[PassResult]:
        """Make every model afresh, then yield each pass as it ends.

        The caller closes it when it has seen enough, which may be before `plan.passes`.
        `DeviceLostError` where the load broke off; a new call makes it again from its start, and
        first sees to it that the device is there.
        """
        ...

    def close(self) -> None:
        """Put back what was changed on the device and let go of it; calling it again is fine."""
        ...
