"""The loop: search, measure candidates, correct the predictor, repeat; then decide."""

from dataclasses import dataclass

from bench.backends.registry import backend_of
from bench.protocol.device import Device
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target_check import check_same_target
from bench.sweep.replicates import unfinished_replicates
from bench.sweep.store import SweepStore
from ofabench.options.measured_search import DECIDING
from ofabench.workflows.devices import DeviceLike, device_in, waits
from ofabench.workflows.search.loop.candidate_search import (
    CandidateSearch,
    candidates,
    check_feasible,
    check_measured,
    search_candidates,
)
from ofabench.workflows.search.loop.deciding import Decider, Try, decide
from ofabench.workflows.search.loop.learning import state_after
from ofabench.workflows.search.loop.loop_state import LoopState
from ofabench.workflows.search.loop.measuring import iterations, lay_out, measure
from ofabench.workflows.search.loop.task import LoopFolder, LoopTask
from supernet.search.engine import SearchPlan
from supernet.search.engine import SearchResult as SearchOutcome


@dataclass(frozen=True, kw_only=True)
class LoopEnd:
    """End of the loop: its state, the last search, and the reason in words."""

    state: LoopState
    search: CandidateSearch
    reason: str


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A task, the device that measures it, and the folder that stores it."""

    task: LoopTask
    folder: LoopFolder
    device: DeviceLike
    decider: Decider
    plan: SearchPlan
    progress: Progress | None = None

    def measured(self) -> LoopEnd:
        """Search and measure until the best network is measured, or iterations or time run out.

        `InfeasibleError` where no network is predicted to meet the limits, before anything is
        measured or written.
        """
        self.folder.check(self.task)
        first = None
        if not self.folder.candidates.exists():
            first = search_candidates(state_after(self.task, ()), self.plan)
            check_feasible(first)
        with device_in(self.device) as device:
            check_same_target(
                device,
                backend_of(self.task.target),
                self.task.target,
                whose="the predictor's",
                remedy="give the predictor's own target to --measure-on, or sweep and fit here",
            )
            if first is not None and not self.task.measuring.force:
                device.check_quiet()  # before anything is written; measuring checks again
            with self.folder.open(self.task) as store:
                return self._iterate(device, store, first)

    def _iterate(self, device: Device, store: SweepStore, first: CandidateSearch | None) -> LoopEnd:
        self._measure(device, store)  # what an earlier run had planned
        while True:
            finished = iterations(store)
            state = state_after(self.task, finished)
            search = first or search_candidates(state, self.plan, store.unrunnable())
            first = None
            if finished:
                state.predictor.save(self.folder.predictor)
            reason = self._ended(store, state, search)
            if reason is None and not (chosen := candidates(state, search, store.unrunnable())):
                reason = "every network that is predicted near the limit is measured"
            if reason is not None:
                check_measured(state, search)
                return LoopEnd(state=state, search=search, reason=reason)
            lay_out(store, device, chosen, state.anchor_work())
            self._measure(device, store)

    def _measure(self, device: Device, store: SweepStore) -> None:
        if not unfinished_replicates(store):
            return
        measure(
            store,
            device,
            self.progress or NoProgress(),
            forced=self.task.measuring.force,
            wait=waits(self.device),
        )

    def _ended(self, store: SweepStore, state: LoopState, search: CandidateSearch) -> str | None:
        """Return the reason to measure nothing more; None to continue."""
        options, finished = self.task.measuring, len(state.drifts)
        if not finished:
            return None
        if search.best is not None:
            return "the best network within the limit is measured, and none better is predicted"
        if not search.feasible:
            return "nothing that is not measured is predicted within the limit"
        if finished >= options.iterations:
            return f"{finished} iterations are measured (--iterations)"
        spent_s = sum(session.wall_s for session in store.sessions())
        next_s = spent_s / finished * (1 + DECIDING / 2)  # one more iteration, and then to decide
        if options.budget_s is not None and spent_s + next_s > options.budget_s:
            return f"another iteration would exceed the budget ({spent_s:.0f} s are spent)"
        return None

    def deciding_tries(self, end: LoopEnd) -> tuple[list[Try], Try]:
        """Return every deciding measurement, and the one of the chosen network."""
        best = sorted(
            (candidate for candidate in end.state.candidates if candidate.within),
            key=lambda candidate: (-candidate.accuracy, candidate.judged_ms),
        )
        tries = decide(end.state, self.folder, best, self.decider)
        successful = [attempt for attempt in tries if attempt.limit_met]
        nearest = min(tries, key=lambda attempt: attempt.raw_ms)
        return tries, successful[-1] if successful else nearest

    def network(self, end: LoopEnd, line: str) -> SearchOutcome:
        """Return all figures of one network, by the last search."""
        from supernet.search.engine import result_of

        problem, space = end.search.searched.problem(), self.task.job.space
        scored = problem.score(space.encode([space.from_line(line)]))
        return result_of(problem, scored, end.search.run, self.task.job.options.seed)
