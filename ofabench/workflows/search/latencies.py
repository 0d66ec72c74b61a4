"""Latency and energy predictors of a search, and their files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.digests import file_digest
from bench.errors import InputError
from ofabench.workflows.latency.stored_space import stored_space

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.space.space import SearchSpace

MILLISECONDS = "ms"


@dataclass(frozen=True, slots=True)
class LatencySource:
    """Latency predictor of blocks, and the file that it was loaded from, if any.

    `known_space` is the space of a predictor in memory. With the unit mJ it is the `costs` of an
    energy predictor, which is used in the same way.
    """

    predictor: "LatencyPredictor"
    file: Path | None = None
    known_space: "SearchSpace | None" = None
    unit: str = MILLISECONDS

    @property
    def key(self) -> str:
        """The target's key; of an energy predictor, the name of its energy."""
        from latency_models.predictors.energy import energy_key

        key = self.predictor.target.key
        return key if self.unit == MILLISECONDS else energy_key(key)

    @property
    def space(self) -> "SearchSpace | None":
        """The predictor's space; None if its provenance has none."""
        name = self.key if self.file is None else self.file.name
        return self.known_space or stored_space(self.predictor.provenance, name).space

    def to_json(self) -> dict[str, Any]:
        """Return the target, the file's name and digest if any, and the predictor's provenance."""
        values: dict[str, Any] = {"target": self.key}
        if self.file is not None:
            values["file"] = self.file.name
            values["sha256"] = file_digest(self.file)
        return {**values, "provenance": dict(self.predictor.provenance)}


def latency_source(predictor: Any) -> LatencySource:
    """Return the latency predictor of an argument: a file's path, or a predictor.

    Raises:
        InputError: it is neither.
        FileError: the file cannot be read, or holds something else.
    """
    from latency_models.predictors.predictor import LatencyPredictor
    from ofabench.workflows.latency.predictor import LatencyPredictor as AnyPredictor

    if isinstance(predictor, LatencySource):
        return predictor
    if isinstance(predictor, str | os.PathLike):
        path = Path(predictor)
        return LatencySource(LatencyPredictor.load(path), path)
    if isinstance(predictor, LatencyPredictor):
        return LatencySource(predictor)
    if isinstance(predictor, AnyPredictor):
        return LatencySource(predictor.block_predictor, known_space=predictor.space)
    raise InputError(
        f"the latency predictor is {type(predictor).__name__} {predictor!r:.60}, expected a file "
        "of `ofabench fit` or a LatencyPredictor"
    )


def energy_source(predictor: Any) -> LatencySource:
    """Return the energy predictor of an argument: a file's path, or a predictor.

    Raises:
        InputError: it is neither.
        FileError: the file cannot be read, or holds something else.
    """
    from latency_models.predictors.energy import MILLIJOULES, EnergyPredictor
    from ofabench.workflows.energy.predictor import EnergyPredictor as SpacePredictor

    if isinstance(predictor, str | os.PathLike):
        path = Path(predictor)
        return LatencySource(EnergyPredictor.load(path).costs, path, unit=MILLIJOULES)
    if isinstance(predictor, EnergyPredictor):
        return LatencySource(predictor.costs, unit=MILLIJOULES)
    if isinstance(predictor, SpacePredictor):
        costs = predictor.block_predictor.costs
        return LatencySource(costs, known_space=predictor.space, unit=MILLIJOULES)
    raise InputError(
        f"the energy predictor is {type(predictor).__name__} {predictor!r:.60}, expected a file "
        "of `ofabench fit --energy` or an EnergyPredictor"
    )


def load_sources(paths: Sequence[Path]) -> list[LatencySource]:
    """Load predictors; `InputError` if two have the same target."""
    sources = [latency_source(path) for path in paths]
    check_distinct(sources)
    return sources


def check_distinct(sources: Sequence[LatencySource]) -> None:
    """Raise `InputError` if two predictors have the same target."""
    keys = [source.key for source in sources]
    if len(set(keys)) < len(keys):
        option = "--latency" if all(each.unit == MILLISECONDS for each in sources) else "--energy"
        raise InputError(f"two {option} have the same target: {', '.join(keys)}; give each once")


def space_known_by(sources: Sequence[LatencySource]) -> "SearchSpace":
    """Return the space in the predictors' provenance; `InputError` if none has one."""
    known = next((space for source in sources if (space := source.space) is not None), None)
    if known is None:
        raise InputError(
            "which space is searched? no latency predictor's file names it: give --space NAME or "
            "--space FILE.toml; see `ofabench space list`"
        )
    return known


def load_latencies(paths: Sequence[Path]) -> "list[LatencyPredictor]":
    """Load predictors; `InputError` if two have the same target."""
    return [source.predictor for source in load_sources(paths)]
