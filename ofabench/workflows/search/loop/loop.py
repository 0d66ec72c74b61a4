"""The loop: search, measure candidates, correct the predictor, repeat; then decide."""

from dataclasses import dataclass

from bench.backends.registry import get_backend
from bench.protocol.device import Device
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.same_target import check_same_target
from bench.sweep.run import unfinished_loads
from bench.sweep.store import SweepStore
from ofabench.options.measured_search import DECIDING
from ofabench.workflows.devices import DeviceLike, device_in, waits
from ofabench.workflows.search.loop.deciding import Decider, Try, decide
from ofabench.workflows.search.loop.knowledge import Knowledge
from ofabench.workflows.search.loop.learning import learn
from ofabench.workflows.search.loop.measuring import iterations, lay_out, measure
from ofabench.workflows.search.loop.outlook import (
    Outlook,
    candidates,
    check_feasible,
    check_measured,
    look,
)
from ofabench.workflows.search.loop.question import Question, State
from supernet.search.engine import SearchPlan
from supernet.search.engine import SearchResult as FoundNetwork


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
    plan: SearchPlan
    progress: Progress | None = None

    def measured(self) -> Ended:
        """Search and measure until the best network is measured, or iterations or time are over.

        `InfeasibleError` where no network is predicted within the limits, before anything is
        measured or written.
        """
        self.state.check(self.question)
        first = None
        if not self.state.candidates.exists():
            first = look(learn(self.question, ()), self.plan)
            check_feasible(first)
        with device_in(self.device) as device:
            check_same_target(
                device,
                get_backend(self.question.target.backend),
                self.question.target,
                whose="the predictor's",
                remedy="give the predictor's own target to --measure-on, or sweep and fit here",
            )
            if first is not None and not self.question.measuring.force:
                device.check_quiet()  # before anything is written; measuring looks again
            with self.state.open(self.question) as store:
                return self._iterate(device, store, first)

    def _iterate(self, device: Device, store: SweepStore, first: Outlook | None) -> Ended:
        self._measure(device, store)  # what an earlier run had laid out
        while True:
            done = iterations(store)
            known = learn(self.question, done)
            outlook = first or look(known, self.plan, store.unrunnable())
            first = None
            if done:
                known.predictor.save(self.state.predictor)
            why = self._ended(store, known, outlook)
            if why is None and not (chosen := candidates(known, outlook, store.unrunnable())):
                why = "every network that is predicted near the limit is measured"
            if why is not None:
                check_measured(known, outlook)
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
