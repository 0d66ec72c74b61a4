"""Latency predictors of a search, and their files."""

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


@dataclass(frozen=True, slots=True)
class LatencySource:
    """A latency predictor of blocks, and the file that it was loaded from, where there is one.

    `known_space` is the space that a predictor in memory was made with.
    """

    predictor: "LatencyPredictor"
    file: Path | None = None
    known_space: "SearchSpace | None" = None

    @property
    def key(self) -> str:
        """The target's key."""
        return self.predictor.target.key

    @property
    def space(self) -> "SearchSpace | None":
        """The space that it says it is of; None where it does not hold one."""
        what = self.key if self.file is None else self.file.name
        return self.known_space or stored_space(self.predictor.provenance, what).space

    def to_json(self) -> dict[str, Any]:
        """Provenance: target, the file's name and digest where there is one, and its own."""
        found: dict[str, Any] = {"target": self.key}
        if self.file is not None:
            found["file"] = self.file.name
            found["sha256"] = file_digest(self.file)
        return {**found, "provenance": dict(self.predictor.provenance)}


def latency_source(predictor: Any) -> LatencySource:
    """Return the latency predictor that a caller means: a file's path, or a predictor.

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


def load_sources(paths: Sequence[Path]) -> list[LatencySource]:
    """Load predictors; `InputError` where two are of one target."""
    sources = [latency_source(path) for path in paths]
    check_distinct(sources)
    return sources


def check_distinct(sources: Sequence[LatencySource]) -> None:
    """Raise `InputError` where two predictors are of one target."""
    keys = [source.key for source in sources]
    if len(set(keys)) < len(keys):
        raise InputError(f"two --latency are of one target: {', '.join(keys)}; give each once")


def space_known_by(sources: Sequence[LatencySource]) -> "SearchSpace":
    """Return the space that the predictors say; `InputError` where none says one."""
    found = next((space for source in sources if (space := source.space) is not None), None)
    if found is None:
        raise InputError(
            "which space is searched? no latency predictor's file says it: give --space NAME or "
            "--space FILE.toml; see `ofabench space list`"
        )
    return found


def load_latencies(paths: Sequence[Path]) -> "list[LatencyPredictor]":
    """Load predictors; `InputError` where two are of one target."""
    return [source.predictor for source in load_sources(paths)]
