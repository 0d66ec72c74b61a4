"""The calls of a worker: both sides read arguments and results by these annotations."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, get_args, get_origin, get_type_hints

from bench.devices.cuda.options import CudaOptions
from bench.devices.worker.shipping import NamedBackend, ShippedFile, ShippedWork
from bench.models.tensors import InputSpec
from bench.operators.profile import OperatorProfile
from bench.protocol.backend import Array
from bench.protocol.device import Facts, ModelCosts, ReplicatePlan, RoundResult
from bench.protocol.energy import EnergyPlan, EnergyReading, EnergySource
from bench.protocol.target import Target


class WorkerCalls(Protocol):
    """What a client may call; see `bench.protocol.device.Device` for those of the same name."""

    def open(self, device: str, cuda: CudaOptions) -> None:
        """Choose the worker's device: `cpu`, `cuda:0`, ...; the first call."""
        ...

    def slug(self) -> str: ...

    def facts(self) -> Facts: ...

    def runtime_version(self, backend: NamedBackend) -> str: ...

    def choose_cores(self, threads: int, requested: str | None) -> str: ...

    def options(self) -> tuple[tuple[str, str], ...]: ...

    def model_costs(self) -> ModelCosts: ...

    def lock_name(self) -> str | None: ...

    def lock(self) -> None:
        """Lock the device on its machine until `unlock`, or until the worker ends."""
        ...

    def unlock(self) -> None:
        """Release the lock; nothing if it is not held."""
        ...

    def check_quiet(self) -> None: ...

    def missing(self, digests: tuple[str, ...]) -> dict[str, int]:
        """Return which contents the worker lacks, with the number of bytes that it has of each."""
        ...

    def put(self, digest: str, start: int, part: bytes, last: bool) -> None:
        """Add a part of a content; the last one completes it, and its digest is checked."""
        ...

    def infer(
        self, content: str, images: Array, backend: NamedBackend, target: Target
    ) -> Array: ...

    def check_model_file(self, file: ShippedFile) -> tuple[InputSpec, ...]: ...

    def profile_model_file(self, file: ShippedFile, threads: int) -> OperatorProfile: ...

    def run_replicate(
        self, work: ShippedWork, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]: ...

    def energy_source(self) -> EnergySource: ...

    def measure_energy(
        self, work: ShippedWork, target: Target, plan: EnergyPlan
    ) -> Generator[EnergyReading]: ...


@dataclass(frozen=True, slots=True)
class Signature:
    """Annotations of a call; `result` is that of an item where the call is a stream."""

    arguments: Mapping[str, Any]
    result: Any
    is_stream: bool


def _names() -> Sequence[str]:
    return [name for name in vars(WorkerCalls) if not name.startswith("_")]


@cache
def signatures() -> Mapping[str, Signature]:
    """Return every call by its name."""
    return {name: _signature(getattr(WorkerCalls, name)) for name in _names()}


def _signature(function: Callable[..., Any]) -> Signature:
    hints = get_type_hints(function)
    result = hints.pop("return")
    is_stream = get_origin(result) is Generator
    return Signature(hints, get_args(result)[0] if is_stream else result, is_stream)
