"""Time by operator, which `benchmark_model` prints with `--enable_op_profiling=true`.

Formats are those of tensorflow/core/util/stats_calculator.cc (tables with tab-separated columns, in
older versions with [start]) and tensorflow/lite/profiling/profile_summary_formatter.cc (the graph
of a table), from TensorFlow 1.13 to LiteRT. Profiling itself takes time: use the shares, never the
latencies.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.devices.android.benchmark_model.output import ended_lines, not_understood
from bench.integers import parse_integer

_REGULAR = re.compile(r"(?:Operator-wise )?Profiling Info for Regular Benchmark Runs:")
_INITIAL = "Profiling Info for Benchmark Initialization:"
_DELEGATE = "Delegate internal:"
_TITLE = re.compile(r"=+ (.+?) =+")
_EXECUTED = re.compile(r"Number of nodes executed: (\d{1,9})")
_OBSERVED = re.compile(r"(\d{1,9}) nodes observed")
_CELL = re.compile(r"(\d{1,15}(?:\.\d{1,15})?|-?nan|-?inf)%?")
_RUN_ORDER, _BY_TYPE = "Run Order", "Summary by node type"
_ROUNDED = 0.002  # percent, of which three decimals are printed

Rows = list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """One operator of a graph; `share` is a fraction of the graph's time, None for a time of 0.

    `name` is as the program prints it: outputs, and in newer versions the node's number.
    """

    node_type: str
    name: str
    first_ms: float
    avg_ms: float
    share: float | None
    calls: int  # in one inference


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeTime:
    """All operators of one type together, in one inference."""

    node_type: str
    count: int
    avg_ms: float
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The graph's operators in the order of execution, and those inside a delegate."""

    operators: tuple[OperatorTime, ...]
    types: tuple[TypeTime, ...]
    inside_delegate: tuple[OperatorTime, ...] = ()


def parse_profile(text: str) -> Profile:
    """Parse the profile of the timed runs; `DeviceError` if there is none, or it is damaged."""
    lines = [line.rstrip() for line in ended_lines(text)]
    heads = [index for index, line in enumerate(lines) if _REGULAR.fullmatch(line)]
    if len(heads) > 1 or (not heads and _INITIAL in lines):
        raise not_understood("one profile of regular runs")
    profile = lines[heads[0] + 1 :] if heads else lines
    graph, rest = _next_graph(profile)
    operators, types = _graph(graph)
    inside: tuple[OperatorTime, ...] = ()
    if _DELEGATE in rest:
        graph, _ = _next_graph(rest[rest.index(_DELEGATE) + 1 :])
        inside, _ = _graph(graph)
    return Profile(operators=operators, types=types, inside_delegate=inside)


def _next_graph(lines: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the lines of the first graph's tables, and the rest; a count of nodes ends them."""
    ends = [index for index, line in enumerate(lines) if _OBSERVED.fullmatch(line)]
    if not ends:
        raise not_understood("a profile that ends with `... nodes observed`")
    return lines[: ends[0] + 1], lines[ends[0] + 1 :]


def _graph(lines: Sequence[str]) -> tuple[tuple[OperatorTime, ...], tuple[TypeTime, ...]]:
    executed = [int(match[1]) for line in lines if (match := _EXECUTED.fullmatch(line))]
    observed = _OBSERVED.fullmatch(lines[-1])
    rows = _table(lines, _RUN_ORDER)
    operators = tuple(_operator(row) for row in rows)
    types = tuple(_type(row) for row in _table(lines, _BY_TYPE))
    counts = {
        len(operators),
        sum(operator_type.count for operator_type in types),
        *executed,
        int(observed[1]) if observed else -1,
    }
    if len(executed) != 1 or len(counts) != 1:
        raise not_understood(f"one number of nodes everywhere, got {sorted(counts)}")
    _check_sums([(_text(row, "%"), _text(row, "cdf%")) for row in rows])
    return operators, types


def _table(lines: Sequence[str], title: str) -> Rows:
    """Return the rows of the table with that title, by lower-case column names."""
    starts = [
        index
        for index, line in enumerate(lines)
        if (match := _TITLE.fullmatch(line)) and match[1] == title
    ]
    if len(starts) != 1 or "" not in lines[starts[0] :]:
        raise not_understood(f"one table `{title}` with an empty line after it")
    first = starts[0] + 1
    head, *rows = [_cells(line) for line in lines[first : lines.index("", first)]] or [[]]
    columns = [name.lower() for name in head]
    if not all(name[:1] == "[" and name[-1:] == "]" for name in columns) or not columns:
        raise not_understood(f"columns [node type] ... under {title}")
    if not all(len(row) == len(columns) for row in rows):
        raise not_understood(f"rows of {len(columns)} columns under {title}")
    names = [name[1:-1] for name in columns]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _cells(line: str) -> list[str]:
    """Split at the tabs, one of which precedes each cell."""
    return [cell.strip() for cell in line.split("\t")[1:]]


def _operator(row: dict[str, str]) -> OperatorTime:
    return OperatorTime(
        node_type=_text(row, "node type"),
        name=_text(row, "name"),
        first_ms=_time_ms(row, "first"),
        avg_ms=_time_ms(row, "avg ms"),
        share=_share(row, "%"),
        calls=_count(row, "times called"),
    )


def _type(row: dict[str, str]) -> TypeTime:
    return TypeTime(
        node_type=_text(row, "node type"),
        count=_count(row, "count"),
        avg_ms=_time_ms(row, "avg ms"),
        share=_share(row, "avg %"),
    )


def _check_sums(shares: Sequence[tuple[str, str]]) -> None:
    """Compare each share with the cumulative sum beside it, both in percent."""
    sum_percent = 0.0
    for place, (share, cumulated) in enumerate(shares, start=1):
        sum_percent += _figure(share)
        if abs(sum_percent - _figure(cumulated)) > place * _ROUNDED:
            raise not_understood(f"[cdf%] of {sum_percent:.3f}, got {cumulated}")


def _text(row: dict[str, str], name: str) -> str:
    if name not in row:
        raise not_understood(f"a column [{name}]")
    return row[name]


def _figure(text: str) -> float:
    match = _CELL.fullmatch(text)
    if match is None:
        raise not_understood(f"a number in place of {text[:40]!r}")
    return float(match[1])


def _time_ms(row: dict[str, str], name: str) -> float:
    value = _figure(_text(row, name))
    if not math.isfinite(value):
        raise not_understood(f"a time under [{name}], got {row[name]}")
    return value


def _share(row: dict[str, str], name: str) -> float | None:
    """Return the share as a fraction; None for a graph that took no time."""
    value = _figure(_text(row, name))
    return value / 100 if math.isfinite(value) else None


def _count(row: dict[str, str], name: str) -> int:
    text = _text(row, name)
    count = parse_integer(text, minimum=0)
    if count is None:
        raise not_understood(f"a whole number under [{name}], got {text[:40]!r}")
    return count
