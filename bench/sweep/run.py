"""Runs sweeps: one, or several by turns, resumed where they stopped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.devices.device_lock import measuring
from bench.errors import InputError, InterruptedSweepError, TargetMismatchError
from bench.protocol.backend import Backend
from bench.protocol.clock import Clock, SystemClock
from bench.protocol.device import Device
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from bench.sweep.planner import Planner
from bench.sweep.replicates import Stage, SweepReplicates
from bench.sweep.shared_progress import SharedProgress
from bench.sweep.spread import AT_ONCE, Spread
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan

QUIET: Progress = NoProgress()
SYSTEM: Clock = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPart:
    """A sweep that shares the device with others: what it measures, and its file."""

    backend: Backend
    planner: Planner
    store: SweepStore


def run_sweep(  # noqa: PLR0913, PLR0917
    device: Device,
    backend: Backend,
    target: Target,
    planner: Planner,
    plan: SweepPlan,
    store: SweepStore,
    progress: Progress = QUIET,
    *,
    forced: bool = False,
    resume_with: str = "the same command and --resume",
    clock: Clock = SYSTEM,
    spread: Spread = AT_ONCE,
) -> None:
    """Measure what `planner` requests, until it requests nothing more.

    `store` is new or resumed, of this target and plan. See `run_sweeps` for the rest.
    """
    if store.target != target or store.plan != plan:
        raise TargetMismatchError(f"{store.path} was made for another target or plan; resume it")
    run_sweeps(
        device,
        [SweepPart(backend=backend, planner=planner, store=store)],
        progress,
        forced=forced,
        resume_with=resume_with,
        clock=clock,
        spread=spread,
    )


def run_sweeps(  # noqa: PLR0913
    device: Device,
    parts: Sequence[SweepPart],
    progress: Progress = QUIET,
    *,
    forced: bool = False,
    resume_with: str = "the same command and --resume",
    clock: Clock = SYSTEM,
    spread: Spread = AT_ONCE,
) -> None:
    """Measure what the planner of each part requests; the parts take turns, replicate by replicate.

    Replicate n of every part is measured before replicate n + 1 of any, each time beginning with
    another part, so that drift affects all in the same way. `spread` sets the number of measurement
    sessions; between them it waits, until all parts have ended one. The parts have the same plan,
    and backends of different names.

    Within a part, replicates alternate between groups, so that a block's replicates are far apart
    in time. Ctrl-C raises `InterruptedSweepError`, which names `resume_with`; finished replicates
    are kept in any case. Raises `DeviceInUseError` if another process measures on the device: wrap
    the call in `bench.devices.device_lock.measuring` to wait for it.
    """
    for part in parts:
        spread.check(part.store.plan.replicates)
    try:
        with measuring(device):
            _take_turns(list(_turns(device, parts, progress, clock, spread, forced)))
    except KeyboardInterrupt as error:
        stores = [part.store for part in parts]
        done = sum(len(store.replicates()) for store in stores)
        wanted = sum(len(store.groups()) * store.plan.replicates for store in stores)
        files = ", ".join(str(store.path) for store in stores)
        keep = "keeps" if len(stores) == 1 else "keep"
        raise InterruptedSweepError(
            f"stopped with {done} of {wanted} replicates done, which {files} {keep}; "
            f"continue with: {resume_with}"
        ) from error
    finally:
        progress.close()


@dataclass(slots=True)
class _Turn:
    """A part by turns: `stage` and `done` replicates say when it is its turn."""

    place: int
    steps: Iterator[Stage]
    progress: Progress
    stage: Stage | None
    done: int


def _turns(  # noqa: PLR0913, PLR0917 - as `run_sweeps`
    device: Device,
    parts: Sequence[SweepPart],
    progress: Progress,
    clock: Clock,
    spread: Spread,
    forced: bool,
) -> Iterator[_Turn]:
    """Yield each part, before its first replicate; None as the stage of a complete one."""
    names = [part.backend.name for part in parts]
    if len({*names}) < len(names):
        raise InputError(f"sweeps by turns are of different backends, got {', '.join(names)}")
    shared, alone = SharedProgress(progress, names), len(parts) == 1
    for place, part in enumerate(parts):
        own = progress if alone else shared.part(part.backend.name)
        waiting = progress if alone else shared.waiting()
        sweep = SweepReplicates(device, part.backend, part.store, own, waiting, clock, spread)
        steps = sweep.run(part.planner, forced=forced)
        yield _Turn(place, steps, own, next(steps, None), len(part.store.replicates()))


def _take_turns(turns: Sequence[_Turn]) -> None:
    """Measure all replicates: of the parts in the earliest stage, that with the fewest done."""
    while open_turns := [turn for turn in turns if turn.stage is not None]:
        turn = min(
            open_turns,
            key=lambda each: (each.stage, each.done, (each.place - each.done) % len(turns)),
        )
        turn.stage = next(turn.steps, None)
        turn.done += 1
        if turn.stage is None:
            turn.progress.close()
