"""What TensorFlow's `benchmark_model` prints, read: its latency summary, and time by operator.

Formats are those of its sources: tensorflow/lite/tools/benchmark (benchmark_model.cc,
benchmark_tflite_model.cc) and core/util/stats_calculator.cc, from 1.13 to LiteRT. Lines may begin
with a level ("INFO: ") since 2.10 or so.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.errors import DeviceError

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_LEVEL = re.compile(r"^(?:INFO|VERBOSE|WARNING|WARN|ERROR): ")
_COUNT = re.compile(rf"count=(\d+)((?: \w+=(?:{_NUMBER}))*)(?: ?\(all same\))?\s*")
_PAIR = re.compile(rf"(\w+)=({_NUMBER})")
_SUMMARY = re.compile(
    rf"(?:Average )?[Ii]nference timings in us: ((?:[^:,]+: {_NUMBER}(?:, )?)+)\s*"
)
_FIELD = re.compile(rf"([^:,]+): ({_NUMBER})(?:, |$)")
# The same figure by the names that versions gave it.
_AVERAGE = ("Inference (avg)", "Inference", "no stats")
_MEMORY = re.compile(rf".*\(MB\): init=({_NUMBER}) overall=({_NUMBER})\s*")
_TITLE = re.compile(r"=+ (.+?) =+\s*")
_COLUMN = re.compile(r"\[([^\]]+)\]")
_RUN_ORDER, _BY_TYPE = "Run Order", "Summary by node type"
_AGREE = 0.02  # the summary's mean and that of its runs are one number, rounded twice


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """One operator of the graph, or all of one type (`name` "", `count` of them)."""

    node_type: str
    name: str
    count: int
    avg_ms: float
    share: float  # of the whole, a fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOutput:
    """One run of the program; times in microseconds, sizes in MB, None where it does not tell."""

    runs: int
    avg_us: float
    first_us: float
    min_us: float
    max_us: float
    std_us: float
    median_us: float | None
    init_us: float
    first_inference_us: float | None
    warmup_avg_us: float | None
    memory_mb: tuple[float, float] | None  # after loading, and at the end
    operators: tuple[OperatorTime, ...]
    types: tuple[OperatorTime, ...]


def parse_output(text: str) -> BenchmarkOutput:
    """Read a run's output; `DeviceError` where it is cut, garbled, or of another program."""
    lines = [_LEVEL.sub("", line.rstrip()) for line in text.splitlines()]
    summary = _summary(lines)
    average = next((summary[name] for name in _AVERAGE if name in summary), None)
    runs = [found for line in lines if (found := _runs(line)) is not None]
    if average is None or "Init" not in summary or not runs:
        raise _not_understood("a line of runs (count=...) and `Inference timings in us`")
    count, values = runs[-1]
    only = values.get("curr")
    avg = values.get("avg", only)
    if avg is None or count < 1 or not _agree(avg, average):
        raise _not_understood(f"a mean of {average:g} us in its line of runs")
    memory = next((m for line in lines if (m := _MEMORY.fullmatch(line))), None)
    output = BenchmarkOutput(
        runs=count,
        avg_us=avg,
        first_us=values.get("first", avg),
        min_us=values.get("min", avg),
        max_us=values.get("max", avg),
        std_us=values.get("std", 0.0),
        median_us=values.get("median"),
        init_us=summary["Init"],
        first_inference_us=summary.get("First inference"),
        warmup_avg_us=summary.get("Warmup (avg)", summary.get("Warmup")),
        memory_mb=(float(memory[1]), float(memory[2])) if memory else None,
        operators=tuple(_table(lines, _RUN_ORDER)),
        types=tuple(_table(lines, _BY_TYPE)),
    )
    least, most = output.min_us, output.max_us
    if not 0 < least <= output.avg_us * (1 + _AGREE) <= most * (1 + _AGREE) ** 2:
        raise _not_understood("times with least <= mean <= most")
    return output


def refused(text: str, delegate: str) -> str:
    """Say that a delegate did not take the model, in the program's words; "" where it did."""
    for raw in text.splitlines():
        line = _LEVEL.sub("", raw.strip())
        if delegate.lower() not in line.lower():
            continue
        if "will not be executed by the delegate" in line or "unsupported" in line.lower():
            return line
        if line.startswith(("Failed to apply", "Failed to create")):
            return line
    return ""


def taken_whole(text: str, delegate: str) -> bool:
    """Whether the delegate says that it took every operator."""
    wanted = f"Explicitly applied {delegate} delegate, and the model graph will be completely"
    return any(wanted.lower() in line.lower() for line in text.splitlines())


def _summary(lines: Sequence[str]) -> dict[str, float]:
    for line in reversed(lines):
        if match := _SUMMARY.fullmatch(line):
            pairs = _FIELD.findall(match[1])
            return {name.strip(): value for name, text in pairs if (value := _finite(text)) >= 0}
    return {}


def _runs(line: str) -> tuple[int, dict[str, float]] | None:
    match = _COUNT.fullmatch(line)
    if match is None:
        return None
    return int(match[1]), {name: _finite(text) for name, text in _PAIR.findall(match[2])}


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _not_understood(f"a number in place of {text[:40]}")
    return value


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= _AGREE * max(one, other, 1.0)


def _table(lines: Sequence[str], title: str) -> Iterator[OperatorTime]:
    """Rows of the last table of that title; columns are what its head names."""
    starts = [i for i, line in enumerate(lines) if (m := _TITLE.fullmatch(line)) and m[1] == title]
    if not starts or starts[-1] + 1 >= len(lines):
        return
    rows = lines[starts[-1] + 1 :]
    columns = [name.lower() for name in _COLUMN.findall(rows[0])]
    if not columns or columns[0] != "node type":
        raise _not_understood(f"a head [node type] ... under {title}")
    named = columns[-1] == "name"
    numbers = columns[1 : -1 if named else None]
    cell = rf"({_NUMBER})%?"
    tail = r"\s+\[?(.*?)\]?(?::\d+)?\s*" if named else r"\s*()"
    row = re.compile(r"\s*(\S.*?)\s+" + r"\s+".join([cell] * len(numbers)) + tail)
    for line in rows[1:]:
        if not line.strip():
            break
        match = row.fullmatch(line)
        if match is None:
            raise _not_understood(f"a row of {len(numbers)} numbers under {title}")
        yield _operator(match, numbers)


def _operator(match: "re.Match[str]", numbers: Sequence[str]) -> OperatorTime:
    values = dict(zip(numbers, map(_finite, match.groups()[1:-1]), strict=True))
    percent = values.get("%", values.get("avg %"))
    if "avg ms" not in values or percent is None:
        raise _not_understood("the columns [avg ms] and [%]")
    return OperatorTime(
        node_type=match[1],
        name=match.groups()[-1],
        count=int(values.get("count", 1)),
        avg_ms=values["avg ms"],
        share=percent / 100,
    )


def _not_understood(expected: str) -> DeviceError:
    return DeviceError(
        f"the output of benchmark_model is not to be understood, expected {expected}; "
        "is it whole, and of TensorFlow 1.13 or newer?"
    )
