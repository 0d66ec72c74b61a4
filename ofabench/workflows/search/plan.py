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

    def show(self, progress: SearchProgress) -> None:
        """Report the networks evaluated since the last call."""
        if self._done is None:
            self._progress.start(progress.budget or 0, progress.what)
            self._done = 0
        note = "" if progress.accuracy is None else f"best accuracy {progress.accuracy:.2%}"
        self._progress.advance(progress.evaluated - self._done, note)
        self._done = progress.evaluated

    def close(self) -> None:
        """End the progress."""
        self._progress.close()
        self._done = None


def watcher_of(progress: Progress | Watcher | None) -> Watcher:
    """Return the watcher of a search: a watcher as given, or one that shows a progress."""
    if progress is None:
        return NoWatcher()
    if hasattr(progress, "show"):
        return cast(Watcher, progress)
    return ProgressWatcher(progress)


def plan_of(options: SearchOptions, watcher: Watcher) -> "SearchPlan":
    """Return the strategy, the budget and the watcher of a search."""
    from supernet.search.baseline_strategies import MOST_NETWORKS, Exhaustive, RandomSearch
    from supernet.search.engine import Budget, SearchPlan
    from supernet.search.evolution import Evolution, RegularisedEvolution
    from supernet.search.strategy import Strategy

    strategies: tuple[Strategy, ...] = (
        Evolution(), RegularisedEvolution(), RandomSearch(), Exhaustive()
    )  # fmt: skip
    strategy = {strategy.name: strategy for strategy in strategies}[options.strategy]
    exhaustive = options.strategy == "exhaustive"
    default = Budget()
    budget = Budget(
        evaluations=options.budget or (MOST_NETWORKS if exhaustive else default.evaluations),
        seconds=options.seconds or math.inf,
        patience=options.patience or (MOST_NETWORKS if exhaustive else default.patience),
    )
    return SearchPlan(strategy=strategy, budget=budget, watcher=watcher)
