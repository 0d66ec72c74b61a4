"""The loop: search, measure what looks best, learn from it, search again; then decide."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.backends.registry import get_backend
from bench.errors import InfeasibleError
from bench.protocol.device import Device, Workload
from bench.protocol.progress import NoProgress, Progress
from bench.sweep.run import unfinished_loads
from bench.sweep.store import SweepStore
from ofabench.options.measured_search import DECIDING
from ofabench.workflows.devices import DeviceLike, device_in, waits
from ofabench.workflows.search.loop.deciding import Decider, Try, decide
from ofabench.workflows.search.loop.knowledge import Candidate, Knowledge, learn
from ofabench.workflows.search.loop.measuring import iterations, lay_out, measure
from ofabench.workflows.search.loop.question import Question, State, check_target
from supernet.search.engine import Plan, Run
from supernet.search.engine import SearchResult as FoundNetwork

if TYPE_CHECKING:
    from supernet.search.promising import Searched
    from supernet.space.codes import Codes

logger = logging.getLogger(__name__)
LEAST_SHIFT, MOST_SHIFT = 0.01, 0.05  # of the limit, where candidates are searched besides


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a search says with all that is known: its run, and the best network there is.

    `best` is a measured candidate within the limit where nothing unmeasured is predicted to be more
    accurate within it; None where something is, or where nothing is within it at all.
    """

    searched: "Searched"
    run: Run
    best: Candidate | None
    feasible: bool


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How the loop ended: what is known, the last search, and why, in words."""

    known: Knowledge
    outlook: Outlook
    why: str


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A question, where it is measured, and what keeps it."""

    question: Question
    state: State
    device: DeviceLike
    decider: Decider
    plan: Plan
    progress: Progress | None = None
    clock: Callable[[], float] = time.monotonic

    def measured(self) -> Ended:
        """Search and measure until the best network is measured, or iterations or time are over.

        `InfeasibleError` where no network is predicted within the limits, before anything is
        measured or written.
        """
        self.state.check(self.question)
        first = None
        if not self.state.candidates.exists():
            first = self._look(learn(self.question, ()))
            _check_feasible(first)
        with device_in(self.device) as device:
            check_target(device, get_backend(self.question.target.backend), self.question.target)
            if not self.question.measuring.force:
                device.check_quiet()
            with self.state.open(self.question) as store:
                return self._iterate(device, store, first)

    def _iterate(self, device: Device, store: SweepStore, first: Outlook | None) -> Ended:
        self._measure(device, store)  # what an earlier run had laid out
        while True:
            done = iterations(store)
            known = learn(self.question, done)
            outlook = first or self._look(known)
            first = None
            if done:
                known.predictor.save(self.state.predictor)
            why = self._ended(store, known, outlook)
            if why is None and not (chosen := self._candidates(store, known, outlook)):
                why = "every network that is predicted near the limit is measured"
            if why is not None:
                _check_measured(known, outlook)
                return Ended(known=known, outlook=outlook, why=why)
            lay_out(store, device, chosen, known.anchor_work())
            self._measure(device, store)

    def _measure(self, device: Device, store: SweepStore) -> None:
        if not unfinished_loads(store):
            return
        measure(
            store,
            device,
            self.progress or NoProgress(),
            forced=self.question.measuring.force,
            wait=waits(self.device),
        )

    def _ended(self, store: SweepStore, known: Knowledge, outlook: Outlook) -> str | None:
        """Why nothing more is measured; None where it is."""
        options, done = self.question.measuring, len(known.drifts)
        if not done:
            return None
        if outlook.best is not None:
            return "the best network within the limit is measured, and none better is predicted"
        if not outlook.feasible:
            return "nothing that is not measured is predicted within the limit"
        if done >= options.iterations:
            return f"{done} iterations are measured (--iterations)"
        spent_s = sum(one.wall_s for one in store.sessions())
        next_s = spent_s / done * (1 + DECIDING / 2)  # one more iteration, and then to decide
        if options.budget_s is not None and spent_s + next_s > options.budget_s:
            return f"another iteration would exceed the budget ({spent_s:.0f} s are spent)"
        return None

    def _look(self, known: Knowledge) -> Outlook:
        """Search with what is known."""
        from supernet.search.promising import Searched

        job = self.question.job
        searched = Searched(
            space=job.space,
            accuracy=job.accuracy.predict,
            limit=known.constraint,
            others=self.question.others,
            seed=job.options.seed,
            plan=self.plan,
        )
        run = searched.run()
        best = _best_measured(known)
        measured = {one.tobytes() for one in self._codes(known)}
        fresh = run.archive.all()
        fresh = fresh.take(fresh.excess == 0)
        fresh = fresh.take(
            np.array([one.tobytes() not in measured for one in fresh.codes], dtype=np.bool_)
        )
        most = float(np.clip(fresh.accuracy, 0.0, 1.0).max()) if len(fresh) else -np.inf
        beaten = best is None or best.accuracy < most
        return Outlook(
            searched=searched, run=run, best=None if beaten else best, feasible=bool(len(fresh))
        )

    def _codes(self, known: Knowledge) -> "Codes":
        space = self.question.job.space
        return space.encode([space.from_line(one.line) for one in known.candidates])

    def _candidates(self, store: SweepStore, known: Knowledge, outlook: Outlook) -> list[Workload]:
        """The networks to measure next: none that was, or that the device cannot run."""
        from supernet.search.promising import Wanted, promising

        space = self.question.job.space
        gone = [one.line for one in known.candidates]
        gone += [one.label for one in store.unrunnable() if one.role == "network"]
        anchors = [one.label for one in known.anchors if not known.own_anchors]
        lines = [space.from_line(one) for one in (*gone, *anchors)]
        shift = float(np.clip(known.predictor.composition.spread, LEAST_SHIFT, MOST_SHIFT))
        wanted = Wanted(
            count=self.question.measuring.candidates,
            shares=(1.0, 1 - shift, 1 + shift, 1 - 2 * shift),
            seen=space.encode(lines),
        )
        found = space.decode(promising(outlook.searched, outlook.run, wanted))
        return [
            Workload(role="network", blocks=space.blocks(arch), label=space.to_line(arch))
            for arch in found
        ]

    def decided(self, ended: Ended) -> tuple[list[Try], Try]:
        """Every deciding measurement, and that of the network that is chosen by them."""
        best = sorted(
            (one for one in ended.known.candidates if one.within),
            key=lambda one: (-one.accuracy, one.judged_ms),
        )
        tries = decide(ended.known, self.state, best, self.decider)
        met = [one for one in tries if one.limit_met]
        nearest = min(tries, key=lambda one: one.raw_ms)
        return tries, met[-1] if met else nearest

    def network(self, ended: Ended, line: str) -> FoundNetwork:
        """All figures of one network, by the last search."""
        from supernet.search.engine import result_of

        problem, space = ended.outlook.searched.problem(), self.question.job.space
        scored = problem.score(space.encode([space.from_line(line)]))
        return result_of(problem, scored, ended.outlook.run, self.question.job.options.seed)


def _best_measured(known: Knowledge) -> Candidate | None:
    """The most accurate measured candidate within the limit."""
    within = [one for one in known.candidates if one.within]
    return max(within, key=lambda one: (one.accuracy, -one.judged_ms), default=None)


def _check_feasible(outlook: Outlook) -> None:
    """Raise where no network is predicted within the limits."""
    from supernet.search.infeasible import why_infeasible

    looked_at = outlook.run.archive.all().top(1)
    if looked_at.excess[0] > 0:
        raise InfeasibleError(why_infeasible(outlook.searched.problem(), looked_at.codes))


def _check_measured(known: Knowledge, outlook: Outlook) -> None:
    """Raise where no measured network is within the limit."""
    if any(one.within for one in known.candidates):
        return
    limit = known.question.limit
    nearest = min(known.candidates, key=lambda one: one.judged_ms, default=None)
    told = (
        "none could run"
        if nearest is None
        else f"the nearest came to {nearest.judged_ms:.4g} ms"
        + (" with its margin" if limit.confidence is not None else "")
    )
    more = (
        "others are predicted within it: the same command with more --iterations goes on"
        if outlook.feasible
        else "give a higher limit"
    )
    raise InfeasibleError(
        f"none of the {len(known.candidates)} networks that were measured is within "
        f"{limit.max_ms:g} ms on {known.question.target.key}, {told}; {more}"
    )
