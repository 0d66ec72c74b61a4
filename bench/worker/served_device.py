"""The calls of a worker on the device that its client chose."""

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import replace

from bench.devices.cpu.local import pinned
from bench.devices.cuda.options import CudaOptions
from bench.devices.device_lock import measuring
from bench.devices.registry import get_device
from bench.devices.worker.shipping import NamedBackend, ShippedFile, ShippedWork
from bench.errors import DeviceError, InputError
from bench.models.files_backend import (
    LoadedFile,
    ModelFileDevice,
    ModelFileLoader,
    ModelFilesBackend,
)
from bench.models.tensors import InputSpec
from bench.operators.profile import ModelProfiler, OperatorProfile
from bench.operators.registry import tools_of
from bench.protocol.backend import Array, Backend
from bench.protocol.device import Device, Facts, ModelCosts, ReplicatePlan, RoundResult
from bench.protocol.energy import (
    EnergyDevice,
    EnergyPlan,
    EnergyReading,
    EnergySource,
    energy_source_of,
)
from bench.protocol.target import Target
from bench.worker.content_backend import ContentBackend
from bench.worker.stored_contents import StoredContents
from bench.worker.throttling import ThrottlingWatch

PROFILE_RUNS = 30


class ServedDevice:
    """Implements `bench.devices.worker.calls.WorkerCalls`."""

    def __init__(self, contents: StoredContents) -> None:
        self._contents = contents
        self._opened: Device | None = None
        self._locks = ExitStack()
        self._throttling = ThrottlingWatch()

    def open(self, device: str, cuda: CudaOptions) -> None:
        if device.startswith("ssh:"):
            raise InputError(f"a worker measures its own machine, not {device}")
        self._opened = get_device(device, cuda=cuda)

    def slug(self) -> str:
        return self._device.slug()

    def facts(self) -> Facts:
        return self._device.facts()

    def runtime_version(self, backend: NamedBackend) -> str:
        return self._device.runtime_version(backend.create())

    def choose_cores(self, threads: int, requested: str | None) -> str:
        return self._device.choose_cores(threads, requested)

    def options(self) -> tuple[tuple[str, str], ...]:
        return self._device.options()

    def model_costs(self) -> ModelCosts:
        return self._device.model_costs()

    def lock_name(self) -> str | None:
        return self._device.lock_name()

    def lock(self) -> None:
        self._locks.enter_context(measuring(self._device))

    def unlock(self) -> None:
        self._locks.close()

    def check_quiet(self) -> None:
        self._device.check_quiet()

    def missing(self, digests: tuple[str, ...]) -> dict[str, int]:
        return self._contents.missing(digests)

    def put(self, digest: str, start: int, part: bytes, last: bool) -> None:
        self._contents.put(digest, start, part, last=last)

    def infer(self, content: str, images: Array, backend: NamedBackend, target: Target) -> Array:
        data = self._contents.path(content).read_bytes()
        return self._device.infer(data, images, backend.create(), target)

    def check_model_file(self, file: ShippedFile) -> tuple[InputSpec, ...]:
        """Load the file, as far as the device allows, and return its inputs."""
        model, device = self._contents.model_file(file), self._device
        if isinstance(device, ModelFileDevice):
            return device.check_model_file(model)
        backend = NamedBackend(model.backend).create()
        target = Target(
            device=device.slug(), backend=backend.name, backend_version=backend.version()
        )
        if not isinstance(backend, ModelFileLoader):
            return ()
        loaded: LoadedFile = backend.load_model_file(model, target)
        return loaded.inputs

    def profile_model_file(self, file: ShippedFile, threads: int) -> OperatorProfile:
        model, device = self._contents.model_file(file), self._device
        if isinstance(device, ModelProfiler):
            return device.profile_model_file(model, threads)
        if device.address != "cpu":
            raise InputError(f"the device is {device.address}: only processors are profiled")
        tools = tools_of(model.backend)
        with pinned(device.choose_cores(threads, None)):
            profile = tools.profile(model, threads, PROFILE_RUNS)
        return replace(profile, note=tools.profile_note)

    def run_replicate(
        self, work: ShippedWork, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        rounds = self._device.run_replicate(work.work, self._backend(work), target, plan)
        with closing(rounds):
            if self._device.address == "cpu":  # other devices watch themselves
                yield from self._throttling.watched(rounds, work.work, target.cores)
            else:
                yield from rounds

    def energy_source(self) -> EnergySource:
        return energy_source_of(self._device)

    def measure_energy(
        self, work: ShippedWork, target: Target, plan: EnergyPlan
    ) -> Generator[EnergyReading]:
        device = self._device
        if not isinstance(device, EnergyDevice):
            raise InputError(f"{device.address} reports neither energy nor memory")
        return device.measure_energy(work.work, self._backend(work), target, plan)

    def close(self) -> None:
        """Release the lock and the device."""
        self._locks.close()
        if self._opened is not None:
            self._opened.close()

    def _backend(self, work: ShippedWork) -> Backend:
        """Return the backend for a replicate's workloads, with the files that travelled."""
        backend = work.backend.create()
        if any(work.contents):
            paths = [digest and self._contents.path(digest) for digest in work.contents]
            backend = ContentBackend(backend, work.work, [path or None for path in paths])
        if work.files:
            files = {file.digest: self._contents.model_file(file) for file in work.files}
            backend = ModelFilesBackend(backend, files)
        return backend

    @property
    def _device(self) -> Device:
        if self._opened is None:
            raise DeviceError("the client called before it chose a device")
        return self._opened
