"""Workloads and target of a sweep of a space."""

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
from bench.sweep.run import run_sweep
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
    """List `blocks` random ones of the space's unique blocks (None for all), and networks.

    The networks are random, or those of many random ones that say most of the rest where they are
    to be `informative`; `ends` adds the smallest and the largest, so that what is fitted on
    networks need not reach beyond them; `archs` are more of them. A network's label is its line of
    an archs file. `InputError` for a resolution that the space lacks, and where nothing is left
    to measure.
    """
    unique = space.unique_blocks(resolutions)
    if blocks is not None and blocks < len(unique):
        chosen = np.random.default_rng([seed, 0]).choice(len(unique), size=blocks, replace=False)
        unique = tuple(unique[i] for i in sorted(chosen.tolist()))
    work = [Workload(role="block", blocks=(spec,)) for spec in unique]
    rng = np.random.default_rng([seed, 1])
    drawn = [*archs]
    if networks and informative:
        from ofabench.workflows.sweep.budget_planner import informative_networks

        drawn += informative_networks(space, rng, networks, resolutions)
    elif networks:
        drawn += space.sample(rng, networks, resolutions)
    if ends:
        sizes = tuple(resolutions or space.resolutions)
        drawn += [space.smallest(min(sizes)), space.largest(max(sizes))]
    for arch in dict.fromkeys(drawn):
        label = space.to_line(arch)
        work.append(Workload(role="network", blocks=space.blocks(arch), label=label))
    if not work:
        raise InputError("nothing to measure: give --blocks or --networks at least 1")
    return work


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
    """Name what is measured on. `cores` None lets the device choose.

    `MissingRuntimeError` where the backend's package is missing, `InputError` for threads or
    cores that the device has not.
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
    """Raise what `open_store` would for `path`, and change nothing."""
    from ofabench.workflows.latency.table_build import sweep_space

    if resume:
        SweepStore.check(path, target, plan)
        with SweepStore.open(path) as store:
            sweep_space(store).check(space)
    elif path.exists():
        raise FileError(f"{path} exists; go on with it by --resume, or name another --out")


def open_store(
    path: Path, target: Target, plan: SweepPlan, *, space: "SearchSpace", resume: bool
) -> SweepStore:
    """Open the sweep at `path` to go on, or start one there, which keeps its space."""
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
    """Sweep to the end. What fails before its first load is finished leaves no file behind."""
    try:
        run_sweep(
            device,
            backend,
            store.target,
            planner,
            store.plan,
            store,
            progress,
            forced=forced,
            resume_with=resume_with,
            spread=spread,
        )
    except InterruptedSweepError:
        raise
    except OfabenchError:
        if not store.loads() and len(store.sessions()) < 2:
            store.discard()
        raise
    return summarise(store)
