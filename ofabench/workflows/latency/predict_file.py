"""Predictions for the networks of an archs file, a JSON object each."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import InputError
from bench.files import parse_json
from ofabench.workflows.latency.networks import numbered_lines, read_text
from ofabench.workflows.latency.predictor import LatencyPredictor
from ofabench.workflows.latency.stored_space import ONEHOT

if TYPE_CHECKING:
    from latency_models.networks.categories.predictor import CategoryPredictor
    from supernet.space.arch import ArchConfig
    from supernet.space.space import SearchSpace


def predict_file(predictor: LatencyPredictor, archs: Path) -> list[dict[str, Any]]:
    """Return each network of a file with its latency; all are read before any is predicted.

    Networks that name no space belong to the predictor's space; a predictor of blocks also predicts
    networks of other shipped spaces.

    Args:
        predictor: of blocks or categories.
        archs: lines of networks; lines of categories for a predictor of these.

    Returns:
        For each network its choices, `latency_ms`, `std_ms` (from blocks only), the `target`, and
        the `extrapolated` parts.

    Raises:
        InputError: a line is no network, or there is none.
        FileError: the file cannot be read.
    """
    categories = predictor.to_dict()["space"] == ONEHOT
    rows = list(_of_categories(predictor, archs) if categories else _of_blocks(predictor, archs))
    if not rows:
        raise InputError(f"{archs} holds no network")
    return rows


def _of_blocks(predictor: LatencyPredictor, archs: Path) -> Iterator[dict[str, Any]]:
    networks = list(_read(predictor, archs))
    model = predictor.block_predictor
    predictions = model.predict_each([space.blocks(arch) for space, arch in networks])
    for (space, arch), prediction in zip(networks, predictions, strict=True):
        yield {
            "space": space.name,
            **arch.to_json(),
            "latency_ms": prediction.ms,
            "std_ms": prediction.std_ms,
            "target": model.target.key,
            "unmeasured": [block.key for block in prediction.unmeasured],
            "extrapolated": [block.key for block in prediction.extrapolated],
        }


def _read(predictor: LatencyPredictor, archs: Path) -> "Iterator[tuple[SearchSpace, ArchConfig]]":
    """Networks of a file, each with its space."""
    from supernet.space.arch_file import find_network, parse_networks

    stored = predictor.stored_space
    for network in parse_networks(read_text(archs), str(archs)):
        if (
            stored.space is None
            and stored.name is not None
            and network.space in (None, stored.name)
        ):
            raise InputError(f"{network.where}: {stored.lacking}: give it with --space")
        yield find_network(network, stored.space)


def _of_categories(predictor: LatencyPredictor, archs: Path) -> Iterator[dict[str, Any]]:
    rows = list(_rows(archs, predictor.category_predictor))
    if not rows:
        return
    predictions = predictor.predict(np.array(rows, dtype=np.int64))
    for row, ms, extrapolated in zip(
        rows, predictions.ms.tolist(), predictions.extrapolated_parts, strict=True
    ):
        yield {
            "space": ONEHOT,
            **dict(zip(predictor.columns, row, strict=True)),
            "latency_ms": ms,
            "target": predictor.target.key,
            "extrapolated": list(extrapolated),
        }


def _rows(archs: Path, model: "CategoryPredictor") -> Iterator[list[int]]:
    for number, line in numbered_lines(archs):
        try:
            values_by_column = parse_json(line)
        except ValueError as error:
            raise InputError(f"{archs}, line {number}: not JSON ({error})") from error
        values = []
        for column in model.columns:
            value = values_by_column.get(column) if isinstance(values_by_column, dict) else None
            if isinstance(value, float) and value.is_integer():  # as pandas writes float64
                value = int(value)
            if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 62:
                raise InputError(
                    f"{archs}, line {number}: {column} is {value!r}, expected a whole number"
                )
            values.append(value)
        yield values
