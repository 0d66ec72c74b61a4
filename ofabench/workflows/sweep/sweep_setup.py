"""Setup of a sweep: workloads, target, and file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import FileError, InputError, InterruptedSweepError, OfabenchError
from bench.protocol.backend import Backend
from bench.protocol.device import Device, Workload
from bench.protocol.progress import Progress
from bench.protocol.target import Target
from bench.sweep.planner import Planner
from bench.sweep.run import SweepPart, run_sweeps
from bench.sweep.spread import AT_ONCE, Spread
from bench.sweep.store import SweepStore
from bench.sweep.summary import SweepSummary, summarise
from bench.timing.plan import SweepPlan

if TYPE_CHECKING:
    from supernet.space.space import ArchConfig, SearchSpace


def sweep_work(  # noqa: PLR0913
    space: "SearchSpace",
    *,
    resolutions: Sequence[int] | None = None,
    blocks: int | None = None,
    networks: int = 0,
    informative: bool = False,
    ends: bool = False,
    archs: Sequence["ArchConfig"] = (),
    seed: int = 0,
) -> list[Workload]:
    """Return workloads: `blocks` random blocks of the space (None for all), and networks.

    The networks are random or, with `informative`, those of many random ones that are most
    informative about the rest. `ends` adds the smallest and the largest, so that fits need not
    extrapolate beyond them; `archs` are added too. A network's label is its line of an archs file.
    `InputError` for a resolution that the space lacks, and if nothing is left to measure.
    """
    unique = space.unique_blocks(resolutions)
    if blocks is not None and blocks < len(unique):
        chosen = np.random.default_rng([seed, 0]).choice(len(unique), size=blocks, replace=False)
        unique = tuple(unique[i] for i in sorted(chosen.tolist()))
    workloads = [Workload(role="block", blocks=(spec,)) for spec in unique]
    rng = np.random.default_rng([seed, 1])
    archs_drawn = [*archs]
    if networks and informative:
        from ofabench.workflows.sweep.budget_planner import informative_networks

        archs_drawn += informative_networks(space, rng, networks, resolutions)
    elif networks:
        archs_drawn += space.sample(rng, networks, resolutions)
    if ends:
        sizes = tuple(resolutions or space.resolutions)
        archs_drawn += [space.smallest(min(sizes)), space.largest(max(sizes))]
    for arch in dict.fromkeys(archs_drawn):
        label = space.to_line(arch)
        workloads.append(Workload(role="network", blocks=space.blocks(arch), label=label))
    if not workloads:
        raise InputError("nothing to measure: give --blocks or --networks at least 1")
    return workloads


def make_target(  # noqa: PLR0913
    device: Device,
    backend: Backend,
    *,
    threads: int = 1,
    cores: str | None = None,
    batch: int = 1,
    cache: str = "warm",
    precision: str = "fp32",
) -> Target:
    """Return the target of measurements; with `cores` None the device chooses.

    `MissingRuntimeError` if the backend's package is missing, `InputError` for threads or cores
    that the device does not have.
    """
    target = Target(
        device=device.slug(),
        backend=backend.name,
        backend_version=device.runtime_version(backend),
        precision=precision,
        threads=threads,
        cores=device.choose_cores(threads, cores),
        batch=batch,
        options=(*backend.options(), *device.options()),
    )
    return target.with_options(cache=cache)


def check_out(
    path: Path, target: Target, plan: SweepPlan, *, space: "SearchSpace", resume: bool
) -> None:
    """Raise the errors of `open_store` for `path`, and change nothing."""
    from ofabench.workflows.latency.table_build import sweep_space

    if resume:
        SweepStore.check(path, target, plan)
        with SweepStore.open(path) as store:
            sweep_space(store).check(space)
    elif path.exists():
        raise FileError(f"{path} exists; continue it with --resume, or name another --out")


def open_store(
    path: Path, target: Target, plan: SweepPlan, *, space: "SearchSpace", resume: bool
) -> SweepStore:
    """Open the sweep at `path` to continue it, or create one that stores its space."""
    if resume:
        return SweepStore.resume(path, target, plan)
    return SweepStore.create(path, target, plan, space_toml=space.text)


def sweep_into(  # noqa: PLR0913
    store: SweepStore,
    device: Device,
    backend: Backend,
    planner: Planner,
    progress: Progress,
    *,
    forced: bool = False,
    resume_with: str,
    spread: Spread = AT_ONCE,
) -> SweepSummary:
    """Sweep to the end. A failure before the first finished replicate leaves no file."""
    part = SweepPart(backend=backend, planner=planner, store=store)
    sweep_by_turns(device, [part], progress, forced=forced, resume_with=resume_with, spread=spread)
    return summarise(store)


def sweep_by_turns(  # noqa: PLR0913
    device: Device,
    parts: Sequence[SweepPart],
    progress: Progress,
    *,
    forced: bool,
    resume_with: str,
    spread: Spread,
) -> None:
    """Sweep all parts to their ends, by turns.

    After a failure no file is left in which no replicate is finished.
    """
    try:
        run_sweeps(device, parts, progress, forced=forced, resume_with=resume_with, spread=spread)
    except InterruptedSweepError:
        raise
    except OfabenchError:
        for part in parts:
            if not part.store.replicates() and len(part.store.sessions()) < 2:
                part.store.discard()
        raise
