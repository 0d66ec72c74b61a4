"""The interface of a device: it reports its facts, and measures one replicate of a sweep."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.protocol.backend import Array, Backend
from bench.protocol.target import Target

Facts = Mapping[str, str | int | float | bool | None]
"""What is known about a device at one time; unknown facts are None, never missing."""

THROTTLED = "throttled"
"""Fact of a round, True if the device throttled itself: the round is disturbed."""


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
class ReplicatePlan:
    """How one replicate is measured: all that its figures depend on besides the device."""

    rounds: int = 30  # rounds, at most: the sweep stops when enough of them can be used
    samples: int = 3  # samples of a burst
    seed: int = 0  # of this replicate: order of bursts, weights, inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """One round over a replicate's workloads, as it was measured."""

    samples_ns: NDArray[np.float64]  # workloads x samples of a burst, in the order of the workloads
    # The workload of each burst in the order of measuring, repeated bursts included.
    order: NDArray[np.int64]
    # Number of repeated bursts: preempted, or with time stolen by the hypervisor.
    repeated_bursts: int = 0
    # Clocks, temperature, load average, ... after the round.
    facts: Facts = field(default_factory=dict)
    # Samples of the disturbed bursts that were repeated, `repeated_bursts` x samples, in the
    # order of `order`; NaN where the device timed a burst wrongly. None where the device does not
    # report them.
    disturbed_ns: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCosts:
    """Rough cost of models on a device; only the sizes of groups depend on it.

    The default is for an unmeasured processor: 10 GMAC/s, 50 us per inference. `inner_shared`: the
    inner activations of all models share the same memory.
    """

    ns_per_mac: float = 0.1
    ns_per_inference: float = 50_000.0
    inner_shared: bool = False


class Device(Protocol):
    """Hardware that can be measured."""

    @property
    def address(self) -> str:
        """Return what the user typed: `cpu`, `fake`, `adb:SERIAL`, `cuda:0`."""
        ...

    def slug(self) -> str:
        """Return the hardware's name as in `Target.device`; equal for equal hardware."""
        ...

    def facts(self) -> Facts:
        """Return model, cores, clocks, governor, memory, operating system, load."""
        ...

    def runtime_version(self, backend: Backend) -> str:
        """Return the version of the runtime for the backend's files; `InputError` if none."""
        ...

    def choose_cores(self, threads: int, requested: str | None) -> str:
        """Return the cores for `Target.cores`, from the user's choice (None: no preference).

        Raises `InputError` if the device has fewer cores, or lacks the chosen ones.
        """
        ...

    def options(self) -> tuple[tuple[str, str], ...]:
        """Return the device's settings that change what a figure means, for `Target.options`."""
        ...

    def model_costs(self) -> ModelCosts:
        """Return the rough cost of models here."""
        ...

    def lock_name(self) -> str | None:
        """Return a name of this piece of hardware, equal for all its addresses; None for no lock.

        Letters, digits and dashes; see `bench.devices.device_lock`.
        """
        ...

    def check_quiet(self) -> None:
        """Raise `DeviceError`, naming what else uses the device, unless it is idle."""
        ...

    def infer(self, content: bytes, images: Array, backend: Backend, target: Target) -> Array:
        """Return the outputs of a model file for NCHW `images`, computed on the device."""
        ...

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        """Measure one replicate: create every model afresh, then yield each round as it ends.

        The caller closes the generator when it has enough rounds, perhaps before `plan.rounds`.
        Raises `DeviceLostError` if the connection broke; another call starts the replicate from its
        beginning, and first makes sure that the device can be reached.
        """
        ...

    def close(self) -> None:
        """Restore what was changed on the device and release it; may be called again."""
        ...
