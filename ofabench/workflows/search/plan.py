"""The plan of a search: strategy, budget, callbacks."""

import math
from typing import TYPE_CHECKING, cast

from bench.protocol.progress import Progress
from ofabench.options.search import SearchOptions
from supernet.search.callbacks import NoWatcher, SearchProgress, Watcher

if TYPE_CHECKING:
    from supernet.search.engine import SearchPlan


class ProgressWatcher:
    """Shows a search as progress: networks evaluated of the budget."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done: int | None = None

    def show(self, look: SearchProgress) -> None:
        """Report the networks evaluated since the last look."""
        if self._done is None:
            self._progress.start(look.budget or 0, look.what)
            self._done = 0
        note = "" if look.accuracy is None else f"best accuracy {look.accuracy:.2%}"
        self._progress.advance(look.evaluated - self._done, note)
        self._done = look.evaluated

    def close(self) -> None:
        """End the stretch."""
        self._progress.close()
        self._done = None


def watcher_of(progress: Progress | Watcher | None) -> Watcher:
    """Return what watches a search: a watcher itself, or a progress; None sees nothing."""
    if progress is None:
        return NoWatcher()
    if hasattr(progress, "show"):
        return cast(Watcher, progress)
    return ProgressWatcher(progress)


def plan_of(options: SearchOptions, watcher: Watcher) -> "SearchPlan":
    """Return which strategy is used, and until when."""
    from supernet.search.baseline_strategies import MOST_NETWORKS, Exhaustive, RandomSearch
    from supernet.search.engine import Budget, SearchPlan
    from supernet.search.evolution import Evolution, RegularisedEvolution
    from supernet.search.strategy import Strategy

    strategies: tuple[Strategy, ...] = (
        Evolution(), RegularisedEvolution(), RandomSearch(), Exhaustive()
    )  # fmt: skip
    strategy = {one.name: one for one in strategies}[options.strategy]
    every = options.strategy == "exhaustive"
    usual = Budget()
    budget = Budget(
        evaluations=options.budget or (MOST_NETWORKS if every else usual.evaluations),
        seconds=options.seconds or math.inf,
        patience=options.patience or (MOST_NETWORKS if every else usual.patience),
    )
    return SearchPlan(strategy=strategy, budget=budget, watcher=watcher)
