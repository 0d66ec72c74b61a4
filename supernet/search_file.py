"""What a search writes: the network found, its figures, and what they were predicted with."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE, parse_json, read_bytes, write_text
from supernet.arch import ArchConfig, parse_line
from supernet.search.engine import SearchResult
from supernet.space import SearchSpace

if TYPE_CHECKING:
    from latency_models.predictors import LatencyPredictor

FORMAT = "ofabench-search-1"
NOTE = (
    "accuracy is predicted, and the network was chosen for it being high: expect less, "
    "and measure it with `ofabench verify`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNetwork:
    """An architecture from a file: a search's result, or a line of an archs file.

    `accuracy` (a fraction) and `predicted` (cost by limit's name) are there after a search.
    """

    space: str
    arch: ArchConfig
    accuracy: float | None = None
    predicted: Mapping[str, float] | None = None
    limits: Mapping[str, float] | None = None


def result_json(
    space: SearchSpace,
    result: SearchResult,
    predictors: "Sequence[LatencyPredictor]",
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """JSON values of one result; `arch` is a line of an archs file.

    `bounds` are predictions with their margin, where limits hold with a `confidence`. By target,
    `std_ms` is how uncertain the prediction is, `unmeasured` names the blocks that a regression
    told, `extrapolated` those among them that are unlike all that it was fitted on.
    """
    blocks = space.blocks(result.arch)
    found = {predictor.target.key: predictor.predict(blocks) for predictor in predictors}
    return {
        "format": FORMAT,
        "note": NOTE,
        "space": space.name,
        "arch": json.loads(space.to_line(result.arch)),
        "accuracy": result.accuracy,
        "predictions": result.predictions,
        "bounds": result.bounds,
        "confidence": result.confidence,
        "limits": result.limits,
        "units": result.units,
        "std_ms": {key: one.std_ms for key, one in found.items()},
        "unmeasured": {key: [b.key for b in one.unmeasured] for key, one in found.items()},
        "extrapolated": {key: [b.key for b in one.extrapolated] for key, one in found.items()},
        "macs": result.macs,
        "params": result.params,
        "evaluated": result.evaluated,
        "seed": result.seed,
        "strategy": result.strategy,
        "history": [asdict(step) for step in result.history],
        "provenance": dict(provenance),
    }


def front_json(
    space: SearchSpace,
    results: Sequence[SearchResult],
    predictors: "Sequence[LatencyPredictor]",
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """JSON values of a front, from the cheapest; `objectives` are accuracy and latencies."""
    front = [result_json(space, result, predictors, {}) for result in results]
    return {
        "format": FORMAT,
        "space": space.name,
        "objectives": ["accuracy", *(predictor.target.key for predictor in predictors)],
        "front": front,
        "provenance": dict(provenance),
    }


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a result as indented JSON, whole or not at all."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def read_network(path: Path, pick: int | None = None) -> FoundNetwork:
    """Read a network of a search's result or of an archs file; see `read_values` for `pick`."""
    data = read_values(path, pick)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        space, arch = parse_line(json.dumps(data))
        return FoundNetwork(space=space, arch=arch)
    try:
        space, arch = parse_line(json.dumps(data["arch"]))
        return FoundNetwork(
            space=space,
            arch=arch,
            accuracy=float(data["accuracy"]),
            predicted={str(name): float(value) for name, value in data["predictions"].items()},
            limits={str(name): float(value) for name, value in data["limits"].items()},
        )
    except VALUE_DAMAGE as error:
        raise FileError(f"{path} is a damaged search result ({error}); search again") from error


def read_values(path: Path, pick: int | None = None) -> Any:
    """Read the JSON values of a network: a search's result, or a line of an archs file.

    `pick` (from 1) chooses one of a front, in its order, or one line. `InputError` where the file
    has no such one, or several and `pick` is None; `FileError` where it holds none.
    """
    text = read_bytes(path).decode(errors="replace").strip()
    try:
        data = parse_json(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if not (len(lines) > 1 and lines[0].startswith("{") and lines[0].endswith("}")):
            raise FileError(
                f"{path} is neither a search's result nor a line of an archs file"
            ) from None
        place = _place(path, len(lines), pick)
        try:
            return parse_json(lines[place])
        except ValueError as error:
            raise FileError(f"{path}, line {place + 1}, is no JSON: {error}") from error
    if not isinstance(data, dict) or "front" not in data:
        if pick not in (None, 1):
            raise InputError(f"{path} holds one network, --pick {pick} asks for another")
        return data
    front = data["front"]
    if not isinstance(front, list) or not front or not all(isinstance(v, dict) for v in front):
        raise FileError(f"{path} is a damaged search result (its front); search again")
    return {**front[_place(path, len(front), pick)], "provenance": data.get("provenance")}


def _place(path: Path, count: int, pick: int | None) -> int:
    """Place of the picked one among `count` networks, from 0."""
    if pick is None:
        raise InputError(
            f"{path} holds {count} networks, expected one: choose with --pick 1 to {count}, "
            "counted in the file's order"
        )
    if not 1 <= pick <= count:
        raise InputError(f"{path} holds {count} networks, --pick is {pick}; give 1 to {count}")
    return pick - 1
