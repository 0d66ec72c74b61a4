"""`search` for each member of a fleet: the most accurate network within its own limit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InfeasibleError
from ofabench.options.search import SearchOptions
from ofabench.workflows.fleet.folder import made_folder
from ofabench.workflows.fleet.outcome import EXIT_FAILED
from ofabench.workflows.search.accuracies import Accuracy
from ofabench.workflows.search.limits import LatencyLimit
from ofabench.workflows.search.result import SearchResult
from ofabench.workflows.search.search import search

if TYPE_CHECKING:
    from supernet.search.callbacks import Watcher


@dataclass(frozen=True, repr=False)
class FleetSearch:
    """A network for each member of a fleet, by name.

    Attributes:
        networks: results of the members whose limits can be met.
        infeasible: why there is none for the others.
    """

    networks: Mapping[str, SearchResult]
    infeasible: Mapping[str, InfeasibleError]

    @property
    def code(self) -> int:
        """Exit code: 0, 2 if a member has no network."""
        return EXIT_FAILED if self.infeasible else 0

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: the results by name, and the reasons where there is none."""
        return {
            "networks": {name: result.to_dict() for name, result in self.networks.items()},
            "infeasible": {name: str(error) for name, error in self.infeasible.items()},
        }

    def save(self, folder: Path) -> None:
        """Write NAME.json for each network into a folder, which is made if it is missing."""
        if self.networks:
            made_folder(folder)
        for name, result in self.networks.items():
            result.save(folder / f"{name}.json")

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for name, result in self.networks.items():
            yield f"{name}: {result}"
        for name, error in self.infeasible.items():
            yield f"{name}: NONE FOUND: {error}"


def search_each(  # noqa: PLR0913, PLR0917 - the arguments of `search`
    space: str | None,
    accuracy: Accuracy,
    limits: Mapping[str, LatencyLimit],
    constraints: Sequence[Any] = (),
    options: SearchOptions | None = None,
    watcher: "Watcher | None" = None,
) -> FleetSearch:
    """Search for the most accurate network of each member, one after the other.

    Args:
        space, accuracy, constraints, options: as of `search`; constraints are for all.
        limits: the latency limit of each member.
        watcher: is shown each search; None shows nothing.
    """
    networks: dict[str, SearchResult] = {}
    infeasible: dict[str, InfeasibleError] = {}
    for name, limit in limits.items():
        try:
            networks[name] = search(space, accuracy, [limit, *constraints], options, watcher)
        except InfeasibleError as error:
            infeasible[name] = error
    return FleetSearch(networks, infeasible)
