"""Read and write the file of a search: the network, its figures, and the predictors used."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE, parse_json, read_bytes, write_text
from latency_models.tables.statistic import STATISTIC, statistic_of
from supernet.search.engine import SearchResult
from supernet.space.arch import ArchConfig, parse_line
from supernet.space.arch_file import find_network, parse_values, written_network
from supernet.space.space import SearchSpace

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor

FORMAT = "ofabench-search-1"
NOTE = (
    "accuracy is predicted, and the network was selected by it: expect a lower value, "
    "and measure it with `ofabench verify`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNetwork:
    """Architecture from a file: a search's result, or a line of an archs file.

    `accuracy` (a fraction) and `predicted` (cost by name of the limit) come from a search.
    `statistics` is the statistic of a latency by target: the median, or `p90`.
    """

    space: str
    arch: ArchConfig
    accuracy: float | None = None
    predicted: Mapping[str, float] | None = None
    limits: Mapping[str, float] | None = None
    statistics: Mapping[str, str] = field(default_factory=dict)


def result_json(
    space: SearchSpace,
    result: SearchResult,
    predictors: "Sequence[LatencyPredictor]",
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the JSON values of one result; `arch` is a line of an archs file.

    `bounds` are predictions with their margin, where limits hold with a `confidence`. By target,
    `std_ms` is the standard deviation of the prediction, `unmeasured` names the blocks predicted by
    a regression, `extrapolated` those of them outside its domain, and `statistics` is the statistic
    of the latency.
    """
    blocks = space.blocks(result.arch)
    predictions = {predictor.target.key: predictor.predict(blocks) for predictor in predictors}
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
        "statistics": {predictor.target.key: predictor.statistic for predictor in predictors},
        "std_ms": {key: prediction.std_ms for key, prediction in predictions.items()},
        "unmeasured": {
            key: [b.key for b in prediction.unmeasured] for key, prediction in predictions.items()
        },
        "extrapolated": {
            key: [b.key for b in prediction.extrapolated] for key, prediction in predictions.items()
        },
        "macs": result.macs,
        "params": result.params,
        "evaluated": result.evaluated,
        "seed": result.seed,
        "strategy": result.strategy,
        "ended_by": result.ended_by,
        "history": [asdict(step) for step in result.history],
        "provenance": dict(provenance),
    }


def front_json(
    space: SearchSpace,
    results: Sequence[SearchResult],
    predictors: "Sequence[LatencyPredictor]",
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the JSON values of a front, cheapest first.

    `objectives` are accuracy and latencies.
    """
    front = [result_json(space, result, predictors, {}) for result in results]
    return {
        "format": FORMAT,
        "space": space.name,
        "objectives": ["accuracy", *(predictor.target.key for predictor in predictors)],
        "front": front,
        "provenance": dict(provenance),
    }


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a result as indented JSON, atomically."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def read_network(
    path: Path, pick: int | None = None, space: SearchSpace | str | None = None
) -> FoundNetwork:
    """Read a network from a search's result or an archs file; `read_values` describes `pick`.

    `space`, or the name of a shipped space, applies to a network that names none.
    """
    data = read_values(path, pick)
    if isinstance(data, dict) and data.get("format") == FORMAT:
        return _result(path, data)
    network = written_network(data, str(path))
    if network.space is not None and network.is_complete:
        return FoundNetwork(space=network.space, arch=ArchConfig.from_json(dict(network.fields)))
    if network.space is None and isinstance(space, str):
        space = SearchSpace.load(space)
    found_space, arch = find_network(network, space if isinstance(space, SearchSpace) else None)
    return FoundNetwork(space=found_space.name, arch=arch)


def _result(path: Path, data: dict[str, Any]) -> FoundNetwork:
    try:
        space, arch = parse_line(json.dumps(data["arch"]))
        return FoundNetwork(
            space=space,
            arch=arch,
            accuracy=float(data["accuracy"]),
            predicted={str(name): float(value) for name, value in data["predictions"].items()},
            limits={str(name): float(value) for name, value in data["limits"].items()},
            statistics={
                str(target): statistic_of({STATISTIC: value})
                for target, value in data.get("statistics", {}).items()
            },
        )
    except VALUE_DAMAGE as error:
        raise FileError(f"{path} is a damaged search result ({error}); search again") from error


def read_values(path: Path, pick: int | None = None) -> Any:
    """Read the values of a network from a search's result or an archs file.

    `pick` (from 1) selects a network of a front or an archs file, in the order of the file. Raises
    `InputError` where the file has no such network, or several and `pick` is None, and `FileError`
    where it has none.
    """
    text = read_bytes(path).decode("utf-8-sig", errors="replace").strip()
    if not text:
        raise FileError(f"{path} is empty, expected a search's result or a line of an archs file")
    try:
        values = [value for value, _ in parse_values(text, str(path))]
    except InputError as error:
        raise FileError(
            f"{path} is neither a search's result nor a line of an archs file ({error})"
        ) from error
    data = _json_or_none(text)
    if not isinstance(data, dict) or "front" not in data:
        if not values:
            raise FileError(f"{path} holds no network, expected a search's result or archs file")
        if len(values) == 1 and pick not in (None, 1):
            raise InputError(f"{path} holds one network, --pick {pick} asks for another")
        return values[0] if len(values) == 1 else values[_index(path, len(values), pick)]
    front = data["front"]
    if not isinstance(front, list) or not front or not all(isinstance(v, dict) for v in front):
        raise FileError(f"{path} is a damaged search result (its front); search again")
    return {**front[_index(path, len(front), pick)], "provenance": data.get("provenance")}


def _json_or_none(text: str) -> Any:
    """Return the JSON value of a text; None where it is not JSON."""
    try:
        return parse_json(text)
    except ValueError:
        return None


def _index(path: Path, count: int, pick: int | None) -> int:
    """Return the index, from 0, of the picked network among `count`."""
    if pick is None:
        raise InputError(
            f"{path} holds {count} networks, expected one network: choose with --pick 1 to "
            f"{count}, counted in the file's order"
        )
    if not 1 <= pick <= count:
        raise InputError(f"{path} holds {count} networks, --pick is {pick}; give 1 to {count}")
    return pick - 1
