"""A device that our runner measures over a connection, as the rest of ofabench sees it."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence

from bench.devices.remote.input_values import check_inputs
from bench.devices.remote.machine import RemoteMachine
from bench.devices.remote.replicates.inference import infer_on
from bench.devices.remote.replicates.profiling import profile_on
from bench.devices.remote.runner.litert_library import litert_version
from bench.errors import InputError
from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec
from bench.operators.profile import OperatorProfile
from bench.protocol.backend import Array, Backend
from bench.protocol.device import ModelCosts, ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target

PRECISIONS = ("fp32", "fp16", "int8")


class RunnerDevice(ABC):
    """What phones and boards share; a subclass adds address, facts and checks."""

    @property
    @abstractmethod
    def machine(self) -> RemoteMachine:
        """Return the device behind the connection."""

    @abstractmethod
    def replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        """Measure one replicate, whose backend and precision the runner supports."""

    @abstractmethod
    def check_backend(self, backend: Backend) -> None:
        """Raise `InputError` for a backend whose files do not run there."""

    def runtime_version(self, backend: Backend) -> str:
        """Return the version of the bundle's LiteRT, which is this machine's."""
        self.check_backend(backend)
        return f"litert-{litert_version()}"

    def model_costs(self) -> ModelCosts:
        return ModelCosts()

    def infer(self, content: bytes, images: Array, backend: Backend, target: Target) -> Array:
        """Compute through the runner there."""
        self.check_backend(backend)
        check_precision(target)
        return self.machine.ask(
            lambda connection: infer_on(self.machine, connection, content, images, target)
        )

    def check_model_file(self, file: ModelFile) -> tuple[InputSpec, ...]:
        """Return the file's inputs; `FileError` or `InputError` where the runner cannot run it."""
        return check_inputs(file)

    def profile_model_file(self, file: ModelFile, threads: int) -> OperatorProfile:
        """Return the time of each operator of a TFLite file, whose inputs are zero."""
        check_inputs(file)
        content = file.content()
        return self.machine.ask(
            lambda connection: profile_on(self.machine, connection, content, threads)
        )

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        """Measure one replicate by the runner there, monitored for throttling."""
        self.check_backend(backend)
        check_precision(target)
        yield from self.replicate(work, backend, target, plan)

    def close(self) -> None:
        """Close the connection; every replicate has restored what it changed."""
        self.machine.close()


def check_precision(target: Target) -> None:
    """Raise `InputError` for a precision that the runner does not support."""
    if target.precision not in PRECISIONS:
        raise InputError(
            f"the runner computes in {' or '.join(PRECISIONS)}, got precision {target.precision!r}"
        )
