"""Read figures by key from a look-up table: check numbers, convert to ms, refuse duplicate keys."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bench.errors import InputError
from latency_models.formats.document import Node, documents

Z = 1.96  # quantile of a 95 % interval
_MS = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-6),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microsecond", "microseconds"), 1e-3),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1.0),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1e3),
}
_UNIT = ("unit", "units")
_LARGEST_MS = 1e12
# Numbers of JSON and YAML 1.2, including 5e-1, which is text in YAML 1.1. Excludes 010 (8 in
# YAML 1.1), 1_000 and 1:30.
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_NO_NUMBER = re.compile(r"(?P<sign>[-+]?)\.?(?P<name>inf|infinity|nan)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Figure:
    """Figures of one key in ms; `half_ms` is the half-width of its 95 % interval, NaN for none."""

    mean_ms: float
    half_ms: float = math.nan
    runs: int = 1


def read_figures(content: bytes) -> dict[str, Figure]:
    """Read the figures of all keys in a YAML or JSON file; `InputError` names key and line.

    A value is `{count, mean, std or var}`, possibly with other fields, or the mean alone. `unit`
    (ns, us, ms or s; default ms) stands inside a value, or beside the keys for all values.
    """
    entries: dict[str, tuple[int, Node]] = {}
    unit = "ms"
    for tree in documents(content):
        if tree.pairs is None:
            hint = "; a list of layers is --format fbnet" if tree.items is not None else ""
            raise InputError(
                f"it is {tree.describe()}, expected a mapping of keys to figures{hint}"
            )
        for key, value in tree.pairs:
            name = _name(key)
            if name in _UNIT and value.text is not None:
                unit = _unit(value, "the table")
                continue
            if name in entries:
                first = entries[name][0]
                raise InputError(
                    f"it has the key {name[:200]!r} twice, in lines {first} and {key.line}"
                )
            entries[name] = (key.line, value)
    if not entries:
        raise InputError("it is empty, expected keys like Conv-input:224x224x3-output:...")
    return {key: _figure(key, value, unit) for key, (_, value) in entries.items()}


def _name(key: Node) -> str:
    if key.text is None:
        raise InputError(f"line {key.line} has {key.describe()} as key, expected a block's key")
    return key.text


def _figure(key: str, value: Node, unit: str) -> Figure:
    fields = {"mean": value} if value.text is not None else _fields(key, value)
    for name in _UNIT:
        if name in fields:
            unit = _unit(fields[name], repr(key[:200]))
    numbers: dict[str, float] = {
        name: _number(fields[name], name, key)
        for name in ("mean", "count", "std", "var")
        if name in fields
    }
    if "mean" not in numbers:
        raise InputError(f"line {value.line}: {key[:200]!r} has no mean, expected ms above 0")
    return _scaled(key, numbers, _MS[unit])


def _scaled(key: str, numbers: Mapping[str, float], unit_ms: float) -> Figure:
    mean = numbers["mean"] * unit_ms
    if not 0 < mean < _LARGEST_MS:
        raise InputError(f"the mean of {key[:200]!r} is {numbers['mean']}, expected ms above 0")
    for name in ("count", "var", "std"):
        if not 0 <= numbers.get(name, 0) < math.inf:
            raise InputError(f"{name} of {key[:200]!r} is {numbers[name]}, expected 0 or more")
    spread = numbers.get("std", math.sqrt(numbers["var"]) if "var" in numbers else math.nan)
    half = Z * spread * unit_ms / max(numbers.get("count", 1.0), 1.0) ** 0.5
    return Figure(mean, half if half < _LARGEST_MS else math.nan)


def _fields(key: str, value: Node) -> dict[str, Node]:
    """Return the fields of an entry by name; `<<` merges missing fields from other mappings."""
    if value.pairs is None:
        raise InputError(
            f"line {value.line}: the value of {key[:200]!r} is {value.describe()}, "
            "expected a number or {count, mean, std}"
        )
    fields: dict[str, Node] = {}
    merged: dict[str, Node] = {}
    for name, node in value.pairs:
        text = _name(name)
        if text == "<<":
            for source in node.items if node.items is not None else [node]:
                merged = {**_mapping(key, source), **merged}
        elif text in fields:
            raise InputError(
                f"line {name.line}: {key[:200]!r} has {text[:40]!r} twice, first in line "
                f"{fields[text].line}"
            )
        else:
            fields[text] = node
    return {**merged, **fields}


def _mapping(key: str, node: Node) -> dict[str, Node]:
    if node.pairs is None:
        raise InputError(f"line {node.line}: {key[:200]!r} merges {node.describe()}, no mapping")
    return {_name(name): value for name, value in node.pairs}


def _unit(node: Node, owner: str) -> str:
    name = (node.text or "").strip()
    if name.lower() not in _MS:
        raise InputError(
            f"line {node.line}: the unit of {owner} is {node.describe()}, expected ns, us, ms or s"
        )
    return name.lower()


def _number(node: Node, name: str, key: str) -> float:
    text = (node.text or "").strip()
    non_finite = _NO_NUMBER.fullmatch(text)
    if non_finite is not None:
        return float(non_finite["sign"] + non_finite["name"])
    if not _NUMBER.fullmatch(text):
        raise InputError(
            f"line {node.line} holds no number: {name} of {key[:200]!r} is {node.describe()}"
        )
    return float(text)
