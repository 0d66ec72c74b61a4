"""This machine's CPU as a device."""

import gc
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from bench.devices.cpu import busy_check, host_facts
from bench.devices.cpu.disturbance_monitor import LinuxMonitor
from bench.devices.cpu.process_memory import MemoryPeak, return_freed_memory
from bench.errors import DeviceError, InputError
from bench.integers import parse_integer
from bench.power.host import host_sensor, host_source
from bench.power.measuring import EnergyBench, energy_readings
from bench.protocol.backend import Array, Backend, LoadedModel
from bench.protocol.device import Facts, ModelCosts, ReplicatePlan, RoundResult, Workload
from bench.protocol.energy import EnergyPlan, EnergyReading, EnergySource
from bench.protocol.target import Target
from bench.protocol.workload_model import workload_model
from bench.timing.host_bursts import time_rounds


class LocalDevice:
    """The processor that this process runs on."""

    @property
    def address(self) -> str:
        return "cpu"

    def slug(self) -> str:
        return host_facts.slug()

    def facts(self) -> Facts:
        return {**host_facts.host_facts(), "energy_sensor": host_source().name or None}

    def runtime_version(self, backend: Backend) -> str:
        return backend.version()

    def choose_cores(self, threads: int, requested: str | None) -> str:
        """See `bench.devices.cpu.local.choose_cores`."""
        return choose_cores(threads, requested)

    def options(self) -> tuple[tuple[str, str], ...]:
        return ()

    def model_costs(self) -> ModelCosts:
        return ModelCosts()

    def lock_name(self) -> str:
        return f"cpu-{host_facts.host_slug()}"

    def check_quiet(self) -> None:
        busy_check.check_quiet()

    def infer(self, content: bytes, images: Array, backend: Backend, target: Target) -> Array:
        """Compute through the backend, in this process."""
        return backend.load_file(content, target).infer(images)

    def run_replicate(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: ReplicatePlan
    ) -> Generator[RoundResult]:
        """Create the models in an order drawn for this replicate, pinned to the target's cores."""
        with pinned(target.cores) as cores:
            models = load_models(work, backend, target, plan.seed)
            whole_process = target.threads > 1
            with LinuxMonitor(cores, whole_process=whole_process) as watch:
                yield from time_rounds(
                    [model.run for model in models],
                    plan,
                    watch=watch,
                    facts=host_facts.changing_facts,
                )

    def energy_source(self) -> EnergySource:
        """Return RAPL, or the sensor of a board."""
        return host_source()

    def measure_energy(
        self, work: Sequence[Workload], backend: Backend, target: Target, plan: EnergyPlan
    ) -> Generator[EnergyReading]:
        """Measure one model after another, pinned to the target's cores."""
        memory = MemoryPeak()

        @contextmanager
        def load(place: int) -> Iterator[Callable[[], object]]:
            content = _content(work[place], backend, target, plan.seed)
            return_freed_memory()
            memory.reset()
            yield _load(work[place], content, backend, target, plan.seed).run

        with pinned(target.cores):
            if work:
                with load(0) as call:
                    call()  # the runtime's own memory and first steps are not the models'
            bench = EnergyBench(
                load=load, sensor=lambda: host_sensor().sensor, peak_memory=memory.growth_bytes
            )
            yield from energy_readings(bench, len(work), plan)

    def close(self) -> None:
        """Do nothing: nothing was changed."""


def load_models(
    work: Sequence[Workload], backend: Backend, target: Target, seed: int
) -> list[LoadedModel]:
    """Load every workload; `seed` decides the memory layout, which varies between replicates."""
    gc.collect()  # first release the memory of an earlier replicate
    models: dict[int, LoadedModel] = {}
    for place in np.random.default_rng([seed, 1]).permutation(len(work)).tolist():
        model = workload_model(work[place], seed)
        models[place] = backend.load(model, target, seed=seed)
    return [models[place] for place in range(len(work))]


def _content(workload: Workload, backend: Backend, target: Target, seed: int) -> bytes | None:
    """Return the content of a workload's file, so that making it is not part of loading it.

    None for a model file, which may have parts outside its content.
    """
    if workload.file:
        return None
    return backend.serialise(workload_model(workload, seed), target.batch, target.file_precision)


def _load(
    workload: Workload, content: bytes | None, backend: Backend, target: Target, seed: int
) -> LoadedModel:
    if content is None:
        return backend.load(workload_model(workload, seed), target, seed=seed)
    return backend.load_file(content, target, seed=seed)


@contextmanager
def pinned(cores: str) -> Iterator[frozenset[int]]:
    """Pin this process to `cores` ("0,1"; "" for all) in the block, including threads it starts."""
    before = host_facts.allowed_cores()
    requested = parse_cores(cores) if cores else frozenset(before)
    if not requested <= set(before):
        allowed = ",".join(map(str, before))
        raise DeviceError(f"cores are {cores}, this process may use {allowed}")
    if not hasattr(os, "sched_setaffinity"):
        yield requested
        return
    os.sched_setaffinity(0, requested)
    try:
        yield requested
    finally:
        os.sched_setaffinity(0, before)


def parse_cores(text: str) -> frozenset[int]:
    """Parse core numbers like `0,2`."""
    cores = {parse_integer(part, minimum=0) for part in text.split(",")}
    if None in cores:
        raise InputError(f"cores are numbers separated by commas, like 0 or 0,1; got {text!r}")
    return frozenset(core for core in cores if core is not None)


def choose_cores(threads: int, requested: str | None = None) -> str:
    """Return cores for `Target.cores`: as many as threads, the first allowed ones by default.

    `any` leaves the process unpinned. Raises `InputError` if there are fewer cores than threads, or
    if this process may not use a chosen one.
    """
    allowed = host_facts.allowed_cores()
    if threads > len(allowed):
        raise InputError(f"threads are {threads}, this process has {len(allowed)} cores")
    if requested == "any":
        return ""
    cores = allowed[:threads] if requested is None else sorted(parse_cores(requested))
    if not set(cores) <= set(allowed):
        raise InputError(
            f"cores are {requested}, this process may use {','.join(map(str, allowed))}"
        )
    if len(cores) < threads:
        raise InputError(f"{threads} threads need as many cores, got {requested}")
    return ",".join(map(str, cores))
