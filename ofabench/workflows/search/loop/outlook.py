"""The search with all current knowledge, and the candidates to measure next."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InfeasibleError
from bench.protocol.device import Workload
from ofabench.workflows.search.loop.knowledge import Candidate, Knowledge
from supernet.search.engine import Run, SearchPlan

if TYPE_CHECKING:
    from supernet.search.promising import Searched
    from supernet.space.codes import Codes

LEAST_SHIFT, MOST_SHIFT = 0.01, 0.05  # of the limit, where candidates are searched besides


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a search says with all that is known: its run, and the best network there is.

    `best` is a measured candidate within the limit where nothing unmeasured is predicted to be more
    accurate within it; None where something is, or where nothing is within it at all. `feasible`
    where something unmeasured is predicted within it. The search took `seconds`.
    """

    searched: "Searched"
    run: Run
    best: Candidate | None
    feasible: bool
    seconds: float


def look(known: Knowledge, plan: SearchPlan, unrunnable: Collection[Workload] = ()) -> Outlook:
    """Search with what is known; what is `unrunnable` is no network to choose."""
    from supernet.search.promising import Searched

    question = known.question
    job = question.job
    searched = Searched(
        space=job.space,
        accuracy=job.accuracy.predict,
        limit=known.constraint,
        others=question.others,
        seed=job.options.seed,
        plan=plan,
    )
    started = time.monotonic()
    run = searched.run()
    seconds = time.monotonic() - started
    gone = {one.tobytes() for one in _gone(known, unrunnable)}
    fresh = run.archive.all()
    fresh = fresh.take(fresh.excess == 0)
    rows = np.array([one.tobytes() not in gone for one in fresh.codes], dtype=np.bool_)
    fresh = fresh.take(rows)
    most = float(np.clip(fresh.accuracy, 0.0, 1.0).max()) if len(fresh) else -np.inf
    best = _best_measured(known)
    beaten = best is None or best.accuracy < most
    return Outlook(
        searched=searched,
        run=run,
        best=None if beaten else best,
        feasible=bool(len(fresh)),
        seconds=seconds,
    )


def candidates(
    known: Knowledge, outlook: Outlook, unrunnable: Collection[Workload] = ()
) -> list[Workload]:
    """The networks to measure next: none that was, or that the device cannot run."""
    from supernet.search.promising import CandidateCount, promising

    space = known.question.job.space
    shift = float(np.clip(known.predictor.composition.spread, LEAST_SHIFT, MOST_SHIFT))
    wanted = CandidateCount(
        count=known.question.measuring.candidates,
        shares=(1.0, 1 - shift, 1 + shift, 1 - 2 * shift),
        seen=_gone(known, unrunnable),
    )
    found = space.decode(promising(outlook.searched, outlook.run, wanted))
    return [
        Workload(role="network", blocks=space.blocks(arch), label=space.to_line(arch))
        for arch in found
    ]


def _gone(known: Knowledge, unrunnable: Collection[Workload]) -> "Codes":
    """Codes of the networks that are not to be measured again: anchors of the file among them."""
    from supernet.space.arch import parse_line

    space = known.question.job.space
    lines = [one.line for one in known.candidates]
    lines += [one.label for one in unrunnable if one.role == "network"]
    lines += [one.label for one in known.anchors]
    archs = [parse_line(line)[1] for line in dict.fromkeys(lines)]
    # Anchors may have a size that is not searched.
    return space.encode([arch for arch in archs if arch.resolution in space.resolutions])


def _best_measured(known: Knowledge) -> Candidate | None:
    """The most accurate measured candidate within the limit."""
    within = [one for one in known.candidates if one.within]
    return max(within, key=lambda one: (one.accuracy, -one.judged_ms), default=None)


def check_feasible(outlook: Outlook) -> None:
    """Raise where no network is predicted within the limits."""
    from supernet.search.infeasible import why_infeasible

    looked_at = outlook.run.archive.all().top(1)
    if looked_at.excess[0] > 0:
        raise InfeasibleError(why_infeasible(outlook.searched.problem(), looked_at.codes))


def check_measured(known: Knowledge, outlook: Outlook) -> None:
    """Raise where no measured network is within the limit."""
    if any(one.within for one in known.candidates):
        return
    limit = known.question.limit
    nearest = min(known.candidates, key=lambda one: one.judged_ms, default=None)
    words = (
        "none could run"
        if nearest is None
        else f"the nearest came to {nearest.judged_ms:.4g} ms"
        + (" with its margin" if limit.confidence is not None else "")
    )
    more = (
        "others are predicted within it: the same command with more --iterations continues"
        if outlook.feasible
        else "give a higher limit"
    )
    raise InfeasibleError(
        f"none of the {len(known.candidates)} networks that were measured is within "
        f"{limit.max_ms:g} ms on {known.question.target.key}, {words}; {more}"
    )
