"""An NVIDIA GPU as a device: models on a separate stream, timed by CUDA events."""

import os
import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

from bench.backends.declared_inputs import declared_inputs
from bench.devices.cpu import host_facts
from bench.devices.cpu.local import choose_cores, pinned
from bench.devices.cuda.disturbance_monitor import GpuMonitor, check_quiet
from bench.devices.cuda.driver import Driver
from bench.devices.cuda.energy import NONE, gpu_sensor
from bench.devices.cuda.event_timing import EventTimer, TimedModel, make_item
from bench.devices.cuda.gpu_state import GpuState
from bench.devices.cuda.loading import full_means, load_items
from bench.devices.cuda.models import (
    CudaModel,
    FileLoader,
    Loader,
    file_loader_of,
    loader_of,
    runtime_version,
)
from bench.devices.cuda.options import CudaOptions
from bench.devices.cuda.warmup import settle
from bench.errors import DeviceError, InputError
from bench.models.files_backend import ModelFilesBackend
from bench.models.model_file import ModelFile
from bench.models.tensors import InputSpec
from bench.power.measuring import EnergyBench, energy_readings
from bench.protocol.backend import Array, Backend
from bench.protocol.device import Facts, ModelCosts, ReplicatePlan, RoundResult, Workload
from bench.protocol.energy import EnergyPlan, EnergyReading, EnergySource
from bench.protocol.target import Target
from bench.protocol.workload_model import workload_model
from bench.timing.interleaving import check_plan, run_rounds

_NUMBER = re.compile(r"[0-9]{1,6}")

DEFAULTS = CudaOptions()


class CudaDevice:
    """The GPU at `cuda:N`, as torch numbers the GPUs that CUDA_VISIBLE_DEVICES allows.

    `driver`, `card`, the loaders, the host's clock and sleep are set by tests; otherwise driver and
    card are created at first use.
    """

    def __init__(  # noqa: PLR0913
        self,
        address: str,
        options: CudaOptions = DEFAULTS,
        *,
        driver: Driver | None = None,
        card: GpuState | None = None,
        loader: Callable[[str], Loader] = loader_of,
        file_loader: Callable[[str], FileLoader] = file_loader_of,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._index = index_in(address)
        self._options = options
        self._driver_or_none, self._card_or_none = driver, card
        self._loader, self._file_loader = loader, file_loader
        self._clock_ns, self._sleep = clock_ns, sleep
        self._own_pids: set[int] = {os.getpid()}

    @property
    def address(self) -> str:
        return f"cuda:{self._index}"

    def slug(self) -> str:
        return self._card.facts().slug()

    def facts(self) -> Facts:
        """Return facts of the GPU and its host; the available memory is the GPU's."""
        card = self._card.facts()
        state = self._card.moment()
        return {
            **host_facts.host_facts(),
            **card.facts(),
            "gpu_temperature_c": state.temperature_c,
            "gpu_clock_sm_mhz": state.clock_sm_mhz,
            "gpu_power_w": state.power_w,
            "energy_sensor": self.energy_source().name or None,
            "gpu_other_processes": len(self._others()),
            "memory_available_bytes": card.memory_free_bytes,
        }

    def runtime_version(self, backend: Backend) -> str:
        if self._driver_or_none is not None:
            return backend.version()
        return runtime_version(backend.name)

    def choose_cores(self, threads: int, requested: str | None) -> str:
        """Return cores of the host, which queues the work; unpinned by default."""
        return choose_cores(threads, requested or "any")

    def options(self) -> tuple[tuple[str, str], ...]:
        return self._options.pairs()

    def model_costs(self) -> ModelCosts:
        """A teraMAC a second; a burst's overhead is shared among its samples."""
        return ModelCosts(ns_per_mac=1e-3, ns_per_inference=100_000.0, inner_shared=True)

    def lock_name(self) -> str:
        """Return the GPU's identity, which does not depend on CUDA_VISIBLE_DEVICES."""
        uuid = self._card.facts().uuid or f"{self._index}-{host_facts.host_slug()}"
        return f"cuda-{uuid.lower()}"

    def check_quiet(self) -> None:
        check_quiet(self._card, self.address, self._own_pids)

    def infer(self, content: bytes, images: Array, backend: Backend, target: Target) -> Array:
        refusal = DeviceError("the GPU has no room for this model at this batch")
        with self._arithmetic(), full_means(self._driver, refusal):
            loader = self._loader(backend.name)
            model = loader(self._driver, content, target, self._options, 0)
            with self._driver.at_work():  # queued after the copy of the model
                return model.infer(images)

    def check_model_file(self, file: ModelFile) -> tuple[InputSpec, ...]:
        """Return the file's inputs; `FileError` or `InputError` where they cannot be given."""
        inputs = declared_inputs(file)
        file.input_values(inputs)
        return inputs

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        """Load the models onto the GPU in an order drawn for this replicate; see `Device`."""
        check_plan(plan)
        with self.loaded(work, backend, target, plan.seed) as items:
            yield from self._rounds(items, plan)

    @contextmanager
    def loaded(
        self, work: Sequence[Workload], backend: Backend, target: Target, seed: int
    ) -> Iterator[list[TimedModel]]:
        """Yield models on the GPU, ready to run, for the duration of the block."""
        with pinned(target.cores), self._arithmetic():
            items: list[TimedModel] = []
            try:
                items += load_items(
                    self._driver,
                    work,
                    lambda workload: self._item(workload, backend, target, seed),
                    seed,
                )
                yield items
            finally:
                items.clear()
                self._driver.free()

    def _rounds(self, items: Sequence[TimedModel], plan: ReplicatePlan) -> Iterator[RoundResult]:
        driver, watch = self._driver, GpuMonitor(self._card, lambda: self._own_pids)
        settled_s = settle(driver, items[-1].once, self._sm_mhz, self._seconds)
        visits = EventTimer(
            driver,
            items,
            plan.samples,
            watch,
            look=watch.look,
            clock_ns=self._clock_ns,
        )
        for number, result in enumerate(run_rounds(visits, plan, watch.facts)):
            yield result if number else _settled(result, settled_s)

    def energy_source(self) -> EnergySource:
        """Return the GPU's own sensor; the host's energy is not part of it."""
        sensor = gpu_sensor(self._card, self._seconds)
        return EnergySource(reason=NONE) if sensor is None else EnergySource(name=sensor.name)

    def measure_energy(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: EnergyPlan
    ) -> Generator[EnergyReading]:
        """Measure one model after another; their launches are those that are timed."""

        @contextmanager
        def load(place: int) -> Iterator[Callable[[], object]]:
            with self.loaded([work[place]], backend, target, plan.seed) as items:
                once = items[0].once

                def call() -> None:
                    with self._driver.at_work():
                        once()
                    self._driver.wait()  # else the queue would hide how long it takes

                yield call

        bench = EnergyBench(
            load=load,
            sensor=lambda: gpu_sensor(self._card, self._seconds),
            clock=self._seconds,
            sleep=self._sleep,
        )
        yield from energy_readings(bench, len(work), plan)

    def close(self) -> None:
        """Do nothing: nothing of the GPU was changed."""

    def _item(self, workload: Workload, backend: Backend, target: Target, seed: int) -> TimedModel:
        model = self._model(workload, backend, target, seed)
        recorded = model.recordable and self._options.launch != "eager"
        return make_item(self._driver, model.run, recorded=recorded)

    def _model(self, workload: Workload, backend: Backend, target: Target, seed: int) -> CudaModel:
        if workload.file and isinstance(backend, ModelFilesBackend):
            file = backend.file_of(workload.file)
            load_file = self._file_loader(backend.name)
            return load_file(self._driver, file, target, self._options, seed)
        content = backend.serialise(
            workload_model(workload, seed), target.batch, target.file_precision
        )
        load = self._loader(backend.name)
        return load(self._driver, content, target, self._options, seed)

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        from bench.devices.cuda.torch_driver import arithmetic

        with arithmetic(tf32=self._options.tf32):
            yield

    def _seconds(self) -> float:
        return self._clock_ns() / 1e9

    def _sm_mhz(self) -> int | None:
        return self._card.moment().clock_sm_mhz

    def _others(self) -> list[int]:
        return [
            process.pid for process in self._card.processes() if process.pid not in self._own_pids
        ]

    @property
    def driver(self) -> Driver:
        """The driver, for code that times models differently."""
        return self._driver

    @cached_property
    def _driver(self) -> Driver:
        given = self._driver_or_none
        if given is not None:
            return given
        from bench.devices.cuda.torch_driver import TorchDriver

        # In a container the driver knows this process by another number.
        before = {process.pid for process in self._card.processes()}
        driver = TorchDriver(self._index)
        self._own_pids |= {process.pid for process in self._card.processes()} - before
        return driver

    @cached_property
    def _card(self) -> GpuState:
        given = self._card_or_none
        if given is not None:
            return given
        from bench.devices.cuda.nvml import NvmlGpu
        from bench.devices.cuda.torch_driver import uuid_of

        return NvmlGpu(uuid_of(self._index))


def index_in(address: str) -> int:
    """Return the number in `cuda:N`; `InputError` for anything else."""
    kind, _, number = address.partition(":")
    if kind != "cuda" or not _NUMBER.fullmatch(number):
        raise InputError(f"device is {address!r}, a GPU is called cuda:0, cuda:1, ...")
    return int(number)


def _settled(result: RoundResult, settled_s: float) -> RoundResult:
    """Return a replicate's first round with the duration of the warm-up added."""
    facts = {**result.facts, "settled_s": round(settled_s, 3)}
    return replace(result, facts=facts)
