"""Latency and memory that TensorFlow's `benchmark_model` prints, parsed and cross-checked.

Formats are those of its sources: tensorflow/lite/tools/benchmark/benchmark_model.cc and
tensorflow/core/util/stats_calculator.h, from TensorFlow 1.13 to LiteRT (tflite/tools/benchmark).
Newer versions begin lines with a level ("INFO: ").
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import DeviceError

_LEVEL = re.compile(r"^(?:VERBOSE|INFO|WARN|WARNING|ERROR|FATAL): ")
_WHOLE = r"\d{1,15}"
_NUMBER = r"\d{1,15}(?:\.\d{1,15})?(?:e[+-]\d{2,3})?"
_RUNNING = re.compile(rf"Running benchmark for (?:at least )?({_WHOLE}) iterations\b.*")
_SAME = re.compile(rf"count=({_WHOLE}) curr=({_WHOLE})(\(all same\))?(?P<tail> p5=.*)?")
_SPREAD = re.compile(
    rf"count=({_WHOLE}) first=({_WHOLE}) curr=({_WHOLE}) min=({_WHOLE}) max=({_WHOLE}) "
    rf"avg=({_NUMBER}) std=({_NUMBER})(?P<tail> p5=.*)?"
)
_TAIL = re.compile(rf" p5=({_WHOLE}) median=({_WHOLE}) p95=({_WHOLE})")
_SUMMARY = re.compile(
    rf"Inference timings in us: Init: (?P<init>{_WHOLE}), First inference: (?P<first>{_WHOLE}), "
    rf"Warmup \(avg\): (?P<warmup>{_NUMBER}), Inference \(avg\): (?P<mean>{_NUMBER})"
)
_OLD_SUMMARY = re.compile(  # to 2.0; the last name changed in between
    rf"Average inference timings in us: Warmup: (?P<warmup>{_NUMBER}), Init: (?P<init>{_WHOLE}), "
    rf"(?:no stats|Inference): (?P<mean>{_NUMBER})"
)
_SESSION = re.compile(rf"Initialized session in ({_NUMBER})ms\.?")
_OTHER_PROGRAM = "BENCHMARK RESULTS"  # of LiteRT's own benchmark, litert/tools
_DIGITS = 1e-5  # six digits are printed of a mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Some calls in a row, in microseconds; percentiles are None where a version prints none."""

    count: int
    first_us: float
    last_us: float
    min_us: float
    max_us: float
    avg_us: float
    std_us: float
    p5_us: float | None = None
    median_us: float | None = None
    p95_us: float | None = None

    def contradiction(self) -> str:
        """Say which of the figures cannot be of the same calls; "" where all can."""
        slack_us = 0.5 + self.avg_us * _DIGITS  # of one call, where a mean is rounded
        told = (self.first_us, self.last_us, self.avg_us, self.p5_us, self.median_us, self.p95_us)
        least, most = self.min_us - slack_us, self.max_us + slack_us
        if not all(least <= one <= most for one in told if one is not None):
            return "least <= each <= most"
        if self.count < 4:
            return self._contradiction_of_few(slack_us)
        rest_us = self.avg_us * self.count - self.first_us - self.last_us
        if not least * (self.count - 2) <= rest_us <= most * (self.count - 2):
            return "a mean that its calls can have"
        span_us = self.max_us - self.min_us
        if not span_us / math.sqrt(2 * self.count) - 1 <= self.std_us <= span_us / 2 + 1:
            return "a deviation that its calls can have"
        return ""

    def _contradiction_of_few(self, slack_us: float) -> str:
        """With three calls or less, each is known."""
        calls = [self.first_us, self.last_us][: self.count]
        if self.count == 3:
            calls.append(self.avg_us * 3 - sum(calls))
        mean_us = sum(calls) / self.count
        std_us = math.sqrt(sum((one - mean_us) ** 2 for one in calls) / self.count)
        same = (
            (min(calls), self.min_us, 3 * slack_us),
            (max(calls), self.max_us, 3 * slack_us),
            (mean_us, self.avg_us, slack_us),
            (std_us, self.std_us, 1 + 3 * slack_us),
        )
        if all(abs(one - other) <= allowed for one, other, allowed in same):
            return ""
        return "least, most, mean and deviation of the same calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOutput:
    """One run of the program."""

    runs: Runs
    warmup: Runs
    init_us: float


def parse_output(text: str) -> BenchmarkOutput:
    """Read a run's output; `DeviceError` where it is cut, garbled, or of another program."""
    lines = ended_lines(text)
    if any(_OTHER_PROGRAM in line for line in lines):
        raise DeviceError(
            "this is the output of LiteRT's benchmark_litert_model, whose options are others; "
            "give the benchmark_model of tensorflow/lite/tools/benchmark by --binary"
        )
    running = [(i, m) for i, line in enumerate(lines) if (m := _RUNNING.fullmatch(line))]
    summaries = [(i, m) for i, line in enumerate(lines) if (m := _read_summary(line))]
    if len(running) != 2 or len(summaries) != 1:
        raise not_understood("two times `Running benchmark for` and one `inference timings in us`")
    (warm, _), (regular, _) = running
    at, told = summaries[0]
    warmup = _runs_in(lines[warm + 1 : regular])
    runs = _runs_in(lines[regular + 1 : at])
    _check_summary(told.groupdict(), warmup, runs, lines)
    return BenchmarkOutput(
        runs=runs,
        warmup=warmup,
        init_us=float(told["init"]),
    )


def ended_lines(text: str) -> list[str]:
    """Lines without their levels; a last one that has no end was cut and is left out."""
    return [_LEVEL.sub("", line.rstrip("\r")) for line in text.split("\n")[:-1]]


def not_understood(expected: str) -> DeviceError:
    """Make the error for an output that is not what the program's sources print."""
    return DeviceError(
        f"the output of benchmark_model is not to be understood, expected {expected}; "
        "is it whole, and of TensorFlow 1.13 or newer?"
    )


def _read_summary(line: str) -> "re.Match[str] | None":
    return _SUMMARY.fullmatch(line) or _OLD_SUMMARY.fullmatch(line)


def _runs_in(lines: Sequence[str]) -> Runs:
    """Read the one line of runs among `lines`."""
    told = [line for line in lines if line.startswith("count=")]
    runs = _runs(told[0].rstrip()) if len(told) == 1 else None
    if runs is None or runs.count < 1:
        raise not_understood("one line `count=... avg=...` after each `Running benchmark for`")
    if expected := runs.contradiction():
        raise not_understood(f"{expected}, got {told[0]:.100}")
    return runs


def _runs(line: str) -> Runs | None:
    if match := _SAME.fullmatch(line):
        count, each = int(match[1]), float(match[2])
        figures = [each, each, each, each, each, 0.0]
        if (count > 1) is not bool(match[3]):
            return None
    elif match := _SPREAD.fullmatch(line):
        count, figures = int(match[1]), [float(text) for text in match.groups()[1:7]]
    else:
        return None
    tail = _TAIL.fullmatch(match["tail"] or "")
    if match["tail"] and tail is None:
        return None
    first, last, least, most, mean, deviation = figures
    low, middle, high = map(float, tail.groups()) if tail else (None, None, None)
    return Runs(
        count=count,
        first_us=first,
        last_us=last,
        min_us=least,
        max_us=most,
        avg_us=mean,
        std_us=deviation,
        p5_us=low,
        median_us=middle,
        p95_us=high,
    )


def _check_summary(
    told: dict[str, str | None], warmup: Runs, runs: Runs, lines: Sequence[str]
) -> None:
    """Hold the summary against the lines it sums up, all of which come from the same figures."""
    pairs = [(told["mean"], runs.avg_us), (told["warmup"], warmup.avg_us)]
    if "first" in told:
        pairs.append((told["first"], warmup.first_us))
    sessions = [m[1] for line in lines if (m := _SESSION.fullmatch(line))]
    pairs += [(told["init"], 1e3 * float(session_ms)) for session_ms in sessions]
    for text, figure in pairs:
        if abs(float(text or "nan") - figure) > _DIGITS * figure:
            raise not_understood(f"{figure:g} us in the summary too, got {text}")
