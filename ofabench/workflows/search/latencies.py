"""Latency predictors of a search, and the files that they are from."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.files import read_bytes

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.space.space import SearchSpace


@dataclass(frozen=True, slots=True)
class LatencySource:
    """A latency predictor, and the file that it was loaded from, where there is one."""

    predictor: "LatencyPredictor"
    file: Path | None = None

    @property
    def key(self) -> str:
        """The target's key."""
        return self.predictor.target.key

    def to_json(self) -> dict[str, Any]:
        """Provenance: target, the file's name and digest where there is one, and its own."""
        found: dict[str, Any] = {"target": self.key}
        if self.file is not None:
            found["file"] = self.file.name
            found["sha256"] = hashlib.sha256(read_bytes(self.file)).hexdigest()
        return {**found, "provenance": dict(self.predictor.provenance)}


def latency_source(predictor: Any) -> LatencySource:
    """Return the latency predictor that a caller means: a file's path, or a predictor.

    Raises:
        InputError: it is neither.
        FileError: the file cannot be read, or holds something else.
    """
    from latency_models.predictors.predictor import LatencyPredictor

    if isinstance(predictor, LatencySource):
        return predictor
    if isinstance(predictor, str | os.PathLike):
        path = Path(predictor)
        return LatencySource(LatencyPredictor.load(path), path)
    if isinstance(predictor, LatencyPredictor):
        return LatencySource(predictor)
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
    """Return the space that the first predictor's file has; `InputError` where none has one."""
    from supernet.space.space import SearchSpace

    for source in sources:
        text = source.predictor.provenance.get("space_toml")
        if isinstance(text, str):
            return SearchSpace.from_toml(text, f"the space of {source.file or source.key}")
    raise InputError(
        "which space is searched? no latency predictor's file has one: give --space NAME or "
        "--space FILE.toml; see `ofabench space list`"
    )


def load_latencies(paths: Sequence[Path]) -> "list[LatencyPredictor]":
    """Load predictors; `InputError` where two are of one target."""
    return [source.predictor for source in load_sources(paths)]
