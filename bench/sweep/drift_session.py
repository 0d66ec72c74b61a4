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
from bench.sweep.drift_rows import DriftReplicate, DriftSession
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.sweep.waiting import CLOCK_STEP_S
from bench.timing.plan import SPARE_SHARE, SweepPlan

REPLICATES, ROUNDS, LEAST_ROUNDS = 2, 30, 2
# Measured among few models, a network finds more of its data in the caches than in a large sweep.
COMPANY = 40  # blocks of the sweep that are measured beside the anchors, at most
REFERENCES_S = 0.01  # time of all references once
# Limit of the anchors' timed samples, repeated rounds included: together with creating models,
# references, company and repeated bursts, a session takes well under half a minute.
SESSION_S = 12.0


def session_plan(anchors: Sequence[Anchor], calls: int, seed: int) -> SweepPlan:
    """Return how often the anchors are measured: 2 replicates of 30 rounds, fewer for slow anchors.

    At least 2 rounds, with the sweep's samples per burst, even if these take more than `SESSION_S`.
    """
    round_s = sum(anchor.ms for anchor in anchors) * calls / 1000
    rounds = int(SESSION_S / (REPLICATES * (1 + SPARE_SHARE) * round_s))
    return SweepPlan(
        replicates=REPLICATES,
        rounds=max(LEAST_ROUNDS, min(ROUNDS, rounds)),
        samples=calls,
        seed=seed,
    )


def session_s(anchors: Sequence[Anchor], calls: int, wall_share: float) -> float:
    """Return about how long a session takes.

    `wall_share` is wall time over the time of timed samples, as in the sweep: it includes creating
    models and repeating disturbed bursts.
    """
    plan = session_plan(anchors, calls, 0)
    round_s = calls * (sum(anchor.ms for anchor in anchors) / 1000 + REFERENCES_S)
    return wall_share * plan.replicates * plan.rounds * round_s


def drift_log_to_extend(store: SweepStore) -> DriftLog:
    """Return the log of a finished sweep that has anchors; `InputError` for any other sweep."""
    done, wanted = len(store.replicates()), len(store.groups()) * store.plan.replicates
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
    """Return when the file's last measurement ended, in seconds since 1970."""
    ends = [ended for _, ended in store.replicate_times()]
    return max([*ends, *(session.span_s[1] for session in store.drift_sessions())])


def measure_session(  # noqa: PLR0913
    device: Device,
    backend: Backend,
    store: SweepStore,
    log: DriftLog,
    progress: Progress,
    *,
    forced: bool,
    clock: Clock,
) -> DriftSession:
    """Measure the anchors once; nothing is stored yet, and nothing at all if it is stopped.

    Raises `TargetMismatchError` if the device cannot run an anchor any more, `InputError` if the
    clock jumped meanwhile.
    """
    # Orders, weights, inputs and company differ between sessions.
    seed = store.plan.seed + 1000 + len(store.drift_sessions())
    work = [anchor.workload for anchor in log.anchors]
    work += _company(store, seed)
    plan = session_plan(log.anchors, store.plan.samples, seed)
    started_s, monotonic_s = clock.now(), clock.monotonic()
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
        replicates, facts = _replicates(own), own.sessions()[0].facts
    ended_s, took_s = clock.now(), clock.monotonic() - monotonic_s
    jump_s = ended_s - started_s - took_s
    if abs(jump_s) > CLOCK_STEP_S:
        raise InputError(
            f"the clock jumped by {jump_s:+.0f} s while the anchors were measured; they are not "
            "kept: measure again"
        )
    return DriftSession(
        started_at=iso(started_s),
        ended_at=iso(ended_s),
        forced=forced,
        rounds=plan.rounds,
        facts=facts,
        replicates=replicates,
    )


def _company(store: SweepStore, seed: int) -> list[Workload]:
    """Return blocks of the sweep, drawn by `seed`."""
    workloads = {workload for group in store.groups() for workload in group.work}
    unrunnable = store.unrunnable()
    blocks = [
        workload
        for workload in workloads
        if workload.role == "block" and workload not in unrunnable
    ]
    blocks.sort(key=lambda workload: workload.key)
    drawn = np.random.default_rng(seed).permutation(len(blocks))[:COMPANY]
    return [blocks[place] for place in drawn.tolist()]


def _replicates(own: SweepStore) -> tuple[DriftReplicate, ...]:
    work = {group.number: group.work for group in own.groups()}
    return tuple(
        DriftReplicate(work=work[replicate.group], rounds=replicate.rounds)
        for replicate in own.replicates()
    )


def _check_all_ran(own: SweepStore) -> None:
    """Raise `TargetMismatchError` if the device cannot run an anchor that it ran in the sweep."""
    for workload, reason in own.unrunnable().items():
        if workload.role != "network":
            continue
        raise TargetMismatchError(
            f"the anchor network {workload.label or workload.key} does not run any "
            f"more ({reason}): find out what changed on the device, or sweep again"
        )
