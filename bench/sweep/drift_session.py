"""One session of a sweep's anchor networks, measured as in a sweep, in under half a minute."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.drift.log import Anchor, DriftLog
from bench.errors import InputError, InterruptedSweepError, TargetMismatchError
from bench.protocol.backend import Backend
from bench.protocol.clock import Clock, iso
from bench.protocol.device import Device, Workload
from bench.protocol.progress import Progress
from bench.sweep.drift_rows import DriftLoad, DriftSession
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.sweep.waiting import CLOCK_STEP_S
from bench.timing.plan import SPARE_SHARE, SweepPlan

REPLICATES, ROUNDS, LEAST_ROUNDS = 2, 30, 2
# A network among few models finds more of itself in the caches than in a sweep among many.
COMPANY = 40  # blocks of the sweep that are measured beside the anchors, at most
REFERENCES_S = 0.01  # all references once
# At most, of the anchors' timed samples, rounds that are repeated among them: with models that are
# made, references, company and visits that are taken again, a session is well under half a minute.
SESSION_S = 12.0


def session_plan(anchors: Sequence[Anchor], calls: int, seed: int) -> SweepPlan:
    """How often the anchors are measured: 2 replicates of 30 rounds, fewer where they are slow.

    At least 2 rounds, in bursts as the sweep's: where even these take more than `SESSION_S`, they
    do.
    """
    round_s = sum(anchor.ms for anchor in anchors) * calls / 1000
    rounds = int(SESSION_S / (REPLICATES * (1 + SPARE_SHARE) * round_s))
    return SweepPlan(
        loads=REPLICATES,
        passes=max(LEAST_ROUNDS, min(ROUNDS, rounds)),
        calls=calls,
        seed=seed,
    )


def session_s(anchors: Sequence[Anchor], calls: int, wall_share: float) -> float:
    """About how long a session takes.

    `wall_share` is wall time over the time of timed samples, as in the sweep: models are made, and
    disturbed visits are taken again.
    """
    plan = session_plan(anchors, calls, 0)
    round_s = calls * (sum(one.ms for one in anchors) / 1000 + REFERENCES_S)
    return wall_share * plan.loads * plan.passes * round_s


def drift_log_to_extend(store: SweepStore) -> DriftLog:
    """The log of a finished sweep that has anchors; `InputError` for any other."""
    done, wanted = len(store.loads()), len(store.groups()) * store.plan.loads
    if done < wanted:
        raise InputError(
            f"{store.path} has {done} of {wanted} replicates: finish the sweep first, by its "
            "command and --resume"
        )
    log = store.drift_log()
    if log is None:
        raise InputError(
            f"{store.path} holds no whole networks, so there are no anchors to measure: sweep with "
            "--networks 5 or more, or with --budget"
        )
    return log


def last_ended_s(store: SweepStore) -> float:
    """When the last measuring of the file ended, seconds since 1970."""
    ends = [ended for _, ended in store.load_times()]
    return max([*ends, *(session.span_s[1] for session in store.drift_sessions())])


def measure_session(  # noqa: PLR0913 - what measures, what is measured, and by which clock
    device: Device,
    backend: Backend,
    store: SweepStore,
    log: DriftLog,
    progress: Progress,
    *,
    forced: bool,
    clock: Clock,
) -> DriftSession:
    """Measure the anchors once; nothing is stored yet, and nothing where it is stopped.

    `TargetMismatchError` where the device cannot run one of them any more, `InputError` where the
    clock jumped meanwhile.
    """
    # Orders, weights, inputs and company differ by session.
    seed = store.plan.seed + 1000 + len(store.drift_sessions())
    work = [anchor.workload for anchor in log.anchors]
    work += _company(store, seed)
    plan = session_plan(log.anchors, store.plan.calls, seed)
    started_s, begun_s = clock.now(), clock.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="ofabench-") as folder,
        SweepStore.create(Path(folder) / "drift.sqlite", store.target, plan) as own,
    ):
        try:
            run_sweep(
                device,
                backend,
                store.target,
                ListPlanner(work),
                plan,
                own,
                progress,
                forced=forced,
                clock=clock,
            )
        except InterruptedSweepError as error:
            raise KeyboardInterrupt from error  # a session is not resumed
        _check_all_ran(own)
        loads, facts = _loads(own), own.sessions()[0].facts
    ended_s, took_s = clock.now(), clock.monotonic() - begun_s
    jump_s = ended_s - started_s - took_s
    if abs(jump_s) > CLOCK_STEP_S:
        raise InputError(
            f"the clock jumped by {jump_s:+.0f} s while the anchors were measured, which are not "
            "kept: measure again"
        )
    return DriftSession(
        started_at=iso(started_s),
        ended_at=iso(ended_s),
        forced=forced,
        rounds=plan.passes,
        facts=facts,
        loads=loads,
    )


def _company(store: SweepStore, seed: int) -> list[Workload]:
    """Blocks of the sweep, drawn by `seed`."""
    known = {workload for group in store.groups() for workload in group.work}
    gone = store.unrunnable()
    blocks = [one for one in known if one.role == "block" and one not in gone]
    blocks.sort(key=lambda one: one.key)
    drawn = np.random.default_rng(seed).permutation(len(blocks))[:COMPANY]
    return [blocks[place] for place in drawn.tolist()]


def _loads(own: SweepStore) -> tuple[DriftLoad, ...]:
    work = {group.number: group.work for group in own.groups()}
    return tuple(DriftLoad(work=work[load.group], passes=load.passes) for load in own.loads())


def _check_all_ran(own: SweepStore) -> None:
    """Raise where the device cannot run an anchor, which it could in the sweep."""
    for one, reason in own.unrunnable().items():
        if one.role != "network":
            continue
        raise TargetMismatchError(
            f"the anchor network {one.label or one.key} does not run any more ({reason}): find out "
            "what changed on the device, or sweep again"
        )
