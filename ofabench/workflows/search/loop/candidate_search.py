"""Search with the corrected predictor, and the choice of candidates to measure next."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InfeasibleError
from bench.protocol.device import Workload
from ofabench.workflows.search.loop.loop_state import Candidate, LoopState
from supernet.search.engine import Run, SearchPlan

if TYPE_CHECKING:
    from supernet.search.promising import SearchSetup
    from supernet.space.codes import Codes


# Candidates are also searched at limits shifted by a share between these.
LEAST_SHIFT, MOST_SHIFT = 0.01, 0.05


@dataclass(frozen=True, kw_only=True)
class CandidateSearch:
    """Result of a search with the corrected predictor, and the best measured network.

    `best` is the most accurate measured candidate within the limit; None if a more accurate
    unmeasured network is predicted within it, or if no candidate is within it. `feasible` says
    whether an unmeasured network is predicted within it. The search took `seconds`.
    """

    searched: "SearchSetup"
    run: Run
    best: Candidate | None
    feasible: bool
    seconds: float


def search_candidates(
    state: LoopState, plan: SearchPlan, unrunnable: Collection[Workload] = ()
) -> CandidateSearch:
    """Search with the corrected predictor, without networks that are `unrunnable`."""
    from supernet.search.promising import SearchSetup

    task = state.task
    job = task.job
    query = SearchSetup(
        space=job.space,
        accuracy=job.accuracy.predict,
        limit=state.constraint,
        other_constraints=task.others,
        seed=job.options.seed,
        plan=plan,
    )
    started = time.monotonic()
    run = query.run()
    seconds = time.monotonic() - started
    excluded = {code.tobytes() for code in _excluded(state, unrunnable)}
    unmeasured = run.archive.all()
    unmeasured = unmeasured.take(unmeasured.excess == 0)
    kept = np.array([code.tobytes() not in excluded for code in unmeasured.codes], dtype=np.bool_)
    unmeasured = unmeasured.take(kept)
    best_unmeasured = (
        float(np.clip(unmeasured.accuracy, 0.0, 1.0).max()) if len(unmeasured) else -np.inf
    )
    best = _best_measured(state)
    beaten = best is None or best.accuracy < best_unmeasured
    return CandidateSearch(
        searched=query,
        run=run,
        best=None if beaten else best,
        feasible=bool(len(unmeasured)),
        seconds=seconds,
    )


def candidates(
    state: LoopState, search: CandidateSearch, unrunnable: Collection[Workload] = ()
) -> list[Workload]:
    """Return the networks to measure next, without those measured and those that cannot run."""
    from supernet.search.promising import CandidateCount, promising

    space = state.task.job.space
    shift = float(np.clip(state.predictor.composition.spread, LEAST_SHIFT, MOST_SHIFT))
    count_wanted = CandidateCount(
        count=state.task.measuring.candidates,
        shares=(1.0, 1 - shift, 1 + shift, 1 - 2 * shift),
        seen=_excluded(state, unrunnable),
    )
    archs = space.decode(promising(search.searched, search.run, count_wanted))
    return [
        Workload(role="network", blocks=space.blocks(arch), label=space.to_line(arch))
        for arch in archs
    ]


def _excluded(state: LoopState, unrunnable: Collection[Workload]) -> "Codes":
    """Return the codes of networks that are not to be measured again, anchors included."""
    from supernet.space.arch import parse_line

    space = state.task.job.space
    lines = [network.line for network in state.candidates]
    lines += [network.label for network in unrunnable if network.role == "network"]
    lines += [network.label for network in state.anchors]
    archs = [parse_line(line)[1] for line in dict.fromkeys(lines)]
    # Anchors may have a resolution that is not searched.
    return space.encode([arch for arch in archs if arch.resolution in space.resolutions])


def _best_measured(state: LoopState) -> Candidate | None:
    """Return the most accurate measured candidate within the limit."""
    within = [candidate for candidate in state.candidates if candidate.within]
    return max(
        within, key=lambda candidate: (candidate.accuracy, -candidate.judged_ms), default=None
    )


def check_feasible(search: CandidateSearch) -> None:
    """Raise if no network is predicted to meet the limits."""
    from supernet.search.infeasible import why_infeasible

    nearest = search.run.archive.all().top(1)
    if nearest.excess[0] > 0:
        raise InfeasibleError(why_infeasible(search.searched.problem(), nearest.codes))


def check_measured(state: LoopState, search: CandidateSearch) -> None:
    """Raise if no measured network meets the limit."""
    if any(candidate.within for candidate in state.candidates):
        return
    limit = state.task.limit
    nearest = min(state.candidates, key=lambda candidate: candidate.judged_ms, default=None)
    reason = (
        "none could run"
        if nearest is None
        else f"the nearest took {nearest.judged_ms:.4g} ms"
        + (" with its margin" if limit.confidence is not None else "")
    )
    remedy = (
        "others are predicted within it: the same command with more --iterations continues"
        if search.feasible
        else "give a higher limit"
    )
    raise InfeasibleError(
        f"none of the {len(state.candidates)} networks that were measured is within "
        f"{limit.max_ms:g} ms on {state.task.target.key}, {reason}; {remedy}"
    )
