"""The file of a search: the network, its figures, and the predictors used."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError, InputError
from bench.files import VALUE_DAMAGE, parse_json, read_bytes, write_text
from latency_models.tables.statistic import STATISTIC, kept_statistic
from supernet.search.engine import SearchResult
from supernet.space.arch import ArchConfig, parse_line
from supernet.space.arch_file import find_network, parse_values, written_network
from supernet.space.space import SearchSpace

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor

FORMAT = "ofabench-search-1"
NOTE = (
    "accuracy is predicted, and the network was chosen for it being high: expect less, "
    "and measure it with `ofabench verify`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNetwork:
    """An architecture from a file: a search's result, or a line of an archs file.

    `accuracy` (a fraction) and `predicted` (cost by limit's name) are there after a search.
    `statistics` says by target what of a network's samples its latency is of: the median, or `p90`.
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
    """JSON values of one result; `arch` is a line of an archs file.

    `bounds` are predictions with their margin, where limits hold with a `confidence`. By target,
    `std_ms` is how uncertain the prediction is, `unmeasured` names the blocks that a regression
    told, `extrapolated` those among them that are unlike all that it was fitted on; `statistics` is
    what of a network's samples the latency is.
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
        "statistics": {one.target.key: one.statistic for one in predictors},
        "std_ms": {key: one.std_ms for key, one in found.items()},
        "unmeasured": {key: [b.key for b in one.unmeasured] for key, one in found.items()},
        "extrapolated": {key: [b.key for b in one.extrapolated] for key, one in found.items()},
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


def read_network(
    path: Path, pick: int | None = None, space: SearchSpace | str | None = None
) -> FoundNetwork:
    """Read a network of a search's result or of an archs file; see `read_values` for `pick`.

    `space` is that of a network that names none; a name is of a shipped one, and loaded where it
    is needed.
    """
    data = read_values(path, pick)
    if isinstance(data, dict) and data.get("format") == FORMAT:
        return _result(path, data)
    network = written_network(data, str(path))
    if network.space is not None and network.is_complete:
        return FoundNetwork(space=network.space, arch=ArchConfig.from_json(dict(network.fields)))
    if network.space is None and isinstance(space, str):
        space = SearchSpace.load(space)
    of, arch = find_network(network, space if isinstance(space, SearchSpace) else None)
    return FoundNetwork(space=of.name, arch=arch)


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
                str(target): kept_statistic({STATISTIC: value})
                for target, value in data.get("statistics", {}).items()
            },
        )
    except VALUE_DAMAGE as error:
        raise FileError(f"{path} is a damaged search result ({error}); search again") from error


def read_values(path: Path, pick: int | None = None) -> Any:
    """Read the values of a network: a search's result, or a network of an archs file.

    `pick` (from 1) chooses one of a front or of an archs file, in its order. `InputError` where the
    file has no such one, or several and `pick` is None; `FileError` where it holds none.
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
    data = _whole(text)
    if not isinstance(data, dict) or "front" not in data:
        if not values:
            raise FileError(f"{path} holds no network, expected a search's result or archs file")
        if len(values) == 1 and pick not in (None, 1):
            raise InputError(f"{path} holds one network, --pick {pick} asks for another")
        return values[0] if len(values) == 1 else values[_place(path, len(values), pick)]
    front = data["front"]
    if not isinstance(front, list) or not front or not all(isinstance(v, dict) for v in front):
        raise FileError(f"{path} is a damaged search result (its front); search again")
    return {**front[_place(path, len(front), pick)], "provenance": data.get("provenance")}


def _whole(text: str) -> Any:
    """JSON value of a text; None where it is none."""
    try:
        return parse_json(text)
    except ValueError:
        return None


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
