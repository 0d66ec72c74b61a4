"""Sweeps of one space on one device: a task for each backend, checked, then measured by turns."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import OfabenchError
from bench.protocol.backend import Backend
from bench.protocol.device import Device
from bench.protocol.energy import LEAST_S
from bench.protocol.progress import Progress
from bench.protocol.target import Target
from bench.sweep.energy import measure_energies
from bench.sweep.planner import Planner
from bench.sweep.run import SweepPart
from bench.sweep.store import SweepStore
from bench.sweep.summary import summarise
from bench.sweep.timed_costs import timed_costs
from bench.timing.plan import SweepPlan
from ofabench.options.sweep import SweepOptions
from ofabench.workflows.devices import measuring_alone
from ofabench.workflows.sweep.anchor_session import measure_anchors
from ofabench.workflows.sweep.form_choice import backend_of_sweep
from ofabench.workflows.sweep.sweep_plan import plan_of, planner_of, spread_of
from ofabench.workflows.sweep.sweep_result import Sweep
from ofabench.workflows.sweep.sweep_setup import check_out, make_target, open_store, sweep_by_turns
from supernet.space.space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSetup:
    """What all sweeps share: device, space, options, and what is shown.

    `wait` says whether to wait for another measurement on the device, `resume_with` how to continue
    an interrupted sweep.
    """

    device: Device
    space: SearchSpace
    options: SweepOptions
    progress: Progress
    wait: bool
    resume_with: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepTask:
    """Sweep by one backend into the file `path`, which is continued with `resume`."""

    backend: Backend
    target: Target
    planner: Planner
    path: Path
    resume: bool


def measure_sweeps(
    setup: SweepSetup, backends: Sequence[Backend], paths: Sequence[Path]
) -> list[Sweep]:
    """Sweep by each backend into the path at the same position; several take turns.

    With several, the option `resume` continues those files that exist. Nothing is written before
    all is checked.
    """
    options, device = setup.options, setup.device
    plan = plan_of(options, setup.space)
    resumes = [options.resume and (len(paths) == 1 or path.exists()) for path in paths]
    # All runtimes, planners and files are checked before the forms of any are measured.
    targets = [target_of(device, backend, options) for backend in backends]
    planners = [planner_of(options, setup.space, device.model_costs(), plan) for _ in backends]
    for target, path, resume in zip(targets, paths, resumes, strict=True):
        if not resume:
            check_out(path, target, plan, space=setup.space, resume=False)
    tasks = [
        _task(setup, *each, plan=plan)
        for each in zip(backends, targets, planners, paths, resumes, strict=True)
    ]
    with measuring_alone(device, wait=setup.wait, progress=setup.progress):
        if not options.force:
            device.check_quiet()
        tasks = [_with_timed_costs(setup, task, plan) for task in tasks]
        with _stores(tasks, plan, setup.space) as stores:
            return _measure(setup, tasks, stores)


def target_of(device: Device, backend: Backend, options: SweepOptions) -> Target:
    """Return the target of a sweep with these options."""
    return make_target(
        device,
        backend,
        threads=options.threads,
        cores=options.cores,
        batch=options.batch,
        cache=options.cache,
        precision=options.precision,
    )


def _task(  # noqa: PLR0913, PLR0917 - what was checked of one sweep
    setup: SweepSetup,
    backend: Backend,
    plain: Target,
    planner: Planner,
    path: Path,
    resume: bool,
    *,
    plan: SweepPlan,
) -> SweepTask:
    """Return the sweep by a backend in the forms that the options request, which may be measured.

    `plain` is the target without forms.
    """
    options = replace(setup.options, resume=resume)
    backend = backend_of_sweep(
        setup.device,
        backend,
        plain,
        setup.space,
        path,
        options,
        wait=setup.wait,
        progress=setup.progress,
    )
    target = target_of(setup.device, backend, options)
    check_out(path, target, plan, space=setup.space, resume=resume)
    return SweepTask(backend=backend, target=target, planner=planner, path=path, resume=resume)


def _with_timed_costs(setup: SweepSetup, task: SweepTask, plan: SweepPlan) -> SweepTask:
    """Return the task with a planner by measured costs, where a budget is planned in int8."""
    options = setup.options
    if options.budget_s is None or options.precision != "int8" or task.resume:
        return task
    # int8 blocks take from a fifth to six times what the device's usual costs say.
    blocks = setup.space.unique_blocks(options.resolutions)
    costs = timed_costs(setup.device, task.backend, task.target, blocks)
    return replace(task, planner=planner_of(options, setup.space, costs, plan))


@contextmanager
def _stores(
    tasks: Sequence[SweepTask], plan: SweepPlan, space: SearchSpace
) -> Iterator[list[SweepStore]]:
    """Open all files; where one cannot be opened, none is left that was created for it."""
    with ExitStack() as opened:
        stores: list[SweepStore] = []
        try:
            for task in tasks:
                store = open_store(task.path, task.target, plan, space=space, resume=task.resume)
                stores.append(opened.enter_context(store))
        except OfabenchError:
            for task, store in zip(tasks, stores, strict=False):
                if not task.resume:
                    store.discard()
            raise
        yield stores


def _measure(
    setup: SweepSetup, tasks: Sequence[SweepTask], stores: Sequence[SweepStore]
) -> list[Sweep]:
    options, device, progress = setup.options, setup.device, setup.progress
    sweep_by_turns(
        device,
        [
            SweepPart(backend=task.backend, planner=task.planner, store=store)
            for task, store in zip(tasks, stores, strict=True)
        ],
        progress,
        forced=options.force,
        resume_with=setup.resume_with,
        spread=spread_of(options),
    )
    for task, store in zip(tasks, stores, strict=True):
        if options.budget_s is not None:
            measure_anchors(store, device, task.backend, options.budget_s, progress, options.force)
        if options.energy:
            measure_energies(
                store,
                device,
                task.backend,
                progress,
                least_s=options.energy_time_s or LEAST_S,
                resume_with=setup.resume_with,
            )
    return [
        Sweep(path=task.path, target=task.target, summary=summarise(store))
        for task, store in zip(tasks, stores, strict=True)
    ]
