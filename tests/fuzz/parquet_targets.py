"""Fuzz targets of tables and predictors in parquet: files, and JSON in their metadata."""

import io
import json
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from latency_models.networks.categories.predictor import (
    CategoryPredictor,
    category_columns,
    codes_of,
)
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable, foreign_target
from latency_models.tables.side_by_side import TargetsTable
from latency_models.tables.table import LatencyTable
from supernet.accuracy.predictor import AccuracyPredictor, fit_accuracy
from supernet.space.space import SearchSpace
from tests.fuzz.target import FuzzTarget, file_of, scratch_folder
from tests.support.report_runs import PHONE, judged, predictor, table

KEY = b"ofabench"
TINY = SearchSpace.load("tiny")
# What pandas and pyarrow make of values that no column can hold.
NO_CHANGE = (
    pa.ArrowException,
    ArithmeticError,
    AttributeError,
    RecursionError,
    TypeError,
    ValueError,
)
Read = Callable[[Path], object]


def read_table(path: Path) -> None:
    """Read a latency table and look up one block."""
    result = LatencyTable.load(path)
    if result.specs:
        result.lookup(result.specs[0])


def read_targets(path: Path) -> None:
    """Read a table of several targets, each as a latency table."""
    TargetsTable.load(path).tables()


def read_networks(path: Path) -> None:
    """A networks table, its only latency column, and its networks as those of a space."""
    result = NetworksTable.load(path)
    column = result.column_or_only(None)
    result.latencies_ms(column)
    result.spread(column)
    codes_of(result.frame, category_columns(result.frame))
    TINY.codes_of(result.frame)


def read_predictor(path: Path) -> None:
    """A predictor, and its prediction for a network."""
    LatencyPredictor.load(path).predict(_blocks())


def read_categories(path: Path) -> None:
    """A predictor of categories, and its prediction for a network."""
    result = CategoryPredictor.load(path)
    result.predict(np.zeros((2, len(result.columns)), dtype=np.int64))


def read_accuracy(path: Path) -> None:
    """An accuracy predictor, and its predictions for networks of its space."""
    result = AccuracyPredictor.load(path)
    result.check_space(TINY)
    result.predict(TINY.sample_codes(np.random.default_rng(0), 2))


def read_file(read: Read, data: bytes) -> None:
    """A file as it is."""
    read(file_of(data, ".parquet"))


def read_metadata(read: Read, seed: Callable[[], bytes], data: bytes) -> None:
    """A whole file with other metadata."""
    result = _table(seed())
    path = scratch_folder() / "input.parquet"
    parquet.write_table(result.replace_schema_metadata({**_others(result), KEY: data}), path)
    read(path)


def read_changed(read: Read, seed: Callable[[], bytes], data: bytes) -> None:
    """A whole file with the values of its columns changed, as the bytes of JSON say.

    `{"column": {"row": value}}`; what is no such JSON changes nothing.
    """
    result = _table(seed())
    frame = result.to_pandas()
    try:
        changes = json.loads(data)
        for name, values in changes.items():
            column = frame[name].astype(object) if name in frame else pd.Series(frame.index)
            for row, value in values.items():
                column[int(row) % max(len(frame), 1)] = value
            frame[name] = column
        made = pa.Table.from_pandas(frame, preserve_index=False)
    except NO_CHANGE:
        return
    metadata = {**(made.schema.metadata or {}), KEY: result.schema.metadata[KEY]}
    path = scratch_folder() / "input.parquet"
    parquet.write_table(made.replace_schema_metadata(metadata), path)
    read(path)


@cache
def _table(content: bytes) -> Any:
    return parquet.read_table(pa.BufferReader(content))


def _others(table: Any) -> dict[bytes, bytes]:
    return {key: value for key, value in table.schema.metadata.items() if key != KEY}


def _list(content: Callable[[], bytes]) -> list[bytes]:
    return [content()]


def _metadata_of(content: Callable[[], bytes]) -> list[bytes]:
    return [_table(content()).schema.metadata[KEY]]


def _huge_numbers(content: Callable[[], bytes]) -> list[bytes]:
    """Metadata with numbers that no code, thread or version can be."""
    (metadata,) = _metadata_of(content)
    return [re.sub(rb"\b1\b", number, metadata) for number in (b"1" * 30, b"Infinity", b"NaN")]


def _changes(change: dict[str, Any]) -> list[bytes]:
    return [b"{}", json.dumps(change).encode()]


def _described_wrongly(content: Callable[[], bytes]) -> list[bytes]:
    """The file with a frame that pandas cannot read, metadata too deep, and invalid texts."""
    result = _table(content())
    described = json.loads(result.schema.metadata[b"pandas"])
    first, *others = described["columns"]
    nameless = {key: value for key, value in first.items() if key != "numpy_type"}
    wrong = [
        {**described, "columns": [item, *others]}
        for item in (nameless, {**first, "numpy_type": "int17"})
    ]
    metadata = [{b"pandas": json.dumps(item).encode()} for item in wrong] + [{KEY: b"[" * 3000}]
    tables = [
        result.replace_schema_metadata({**result.schema.metadata, **changes})
        for changes in metadata
    ]
    for place, field in enumerate(result.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            values = pa.array([b"\xef(\xff"] * len(result), pa.large_binary())
            tables.append(result.set_column(place, field.name, values.view(pa.large_string())))
    return [_written(table) for table in tables]


def _written(table: Any) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


@cache
def _blocks() -> Any:
    return TINY.blocks(TINY.sample(np.random.default_rng(0), 1)[0])


@cache
def _content(save: Callable[[Path], object]) -> bytes:
    path = scratch_folder() / "seed.parquet"
    save(path)
    return path.read_bytes()


def _save_networks(path: Path) -> None:
    judged(TINY.sample(np.random.default_rng(1), 3)).save(path)


def _save_categories(path: Path) -> None:
    CategoryPredictor(
        target=foreign_target("there_ms"),
        provenance={},
        costs_ms={"a0": {0: 1.0, 2: 3.0}, "a1": {0: 0.5}},
        seen={"a0": frozenset({0}), "a1": frozenset({0})},
    ).save(path)


def _save_accuracy(path: Path) -> None:
    codes = TINY.sample_codes(np.random.default_rng(0), 12)
    fit_accuracy(TINY, codes, np.linspace(0.5, 0.8, 12)).save(path)


def _save_table(path: Path) -> None:
    table().save(path)


def _save_targets(path: Path) -> None:
    TargetsTable.of({"fake": table(), "phone": table(PHONE)}).save(path)


def _save_predictor(path: Path) -> None:
    predictor().save(path)


_KINDS: dict[str, tuple[Read, Callable[[Path], None], dict[str, Any]]] = {
    "latency_table": (read_table, _save_table, {"in_size": {"0": 3}, "kind": {"1": "stem"}}),
    "targets_table": (read_targets, _save_targets, {"phone_ms": {"0": 0.0}}),
    "networks_table": (read_networks, _save_networks, {"resolution": {"0": 28.5}}),
    "latency_predictor": (read_predictor, _save_predictor, {"value": {"3": 1e300}}),
    "category_predictor": (read_categories, _save_categories, {"seen": {"0": None}}),
    "accuracy_predictor": (read_accuracy, _save_accuracy, {"accuracy": {"2": None}}),
}


def _targets() -> list[FuzzTarget]:
    result = []
    for name, (read, save, change) in _KINDS.items():
        content = partial(_content, save)
        result += [
            FuzzTarget(
                name=name,
                read=partial(read_file, read),
                seeds=partial(_list, content),
                regressions=partial(_described_wrongly, content),
                largest=1 << 16,
            ),
            FuzzTarget(
                name=f"{name}_metadata",
                read=partial(read_metadata, read, content),
                seeds=partial(_metadata_of, content),
                regressions=partial(_huge_numbers, content),
                largest=1 << 14,
            ),
            FuzzTarget(
                name=f"{name}_values",
                read=partial(read_changed, read, content),
                seeds=partial(_changes, change),
            ),
        ]
    return result


def read_csv(data: bytes) -> None:
    """A networks table of others as text."""
    read_networks(file_of(data, ".csv"))


@cache
def _csv() -> bytes:
    frame = judged(TINY.sample(np.random.default_rng(1), 3)).frame
    return str(frame.to_csv(index=False)).encode()


TARGETS = (
    *_targets(),
    FuzzTarget(name="networks_csv", read=read_csv, seeds=lambda: [_csv()]),
)
