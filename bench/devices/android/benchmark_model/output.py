"""Latency and memory that TensorFlow's `benchmark_model` prints, parsed and cross-checked.

Formats are those of its sources: tensorflow/lite/tools/benchmark/benchmark_model.cc and
tensorflow/core/util/stats_calculator.h, from TensorFlow 1.13 to LiteRT (tflite/tools/benchmark).
Newer versions begin lines with a severity ("INFO: ").
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
_OLD_SUMMARY = re.compile(  # until 2.0; the last name changed in between
    rf"Average inference timings in us: Warmup: (?P<warmup>{_NUMBER}), Init: (?P<init>{_WHOLE}), "
    rf"(?:no stats|Inference): (?P<mean>{_NUMBER})"
)
_SESSION = re.compile(rf"Initialized session in ({_NUMBER})ms\.?")
_OTHER_PROGRAM = "BENCHMARK RESULTS"  # LiteRT's own benchmark, litert/tools
_DIGITS = 1e-5  # means are printed with six digits


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """Statistics of consecutive inferences, in us; percentiles are None if not printed."""

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
        """Return which figures contradict each other; "" if all are consistent."""
        slack_us = 0.5 + self.avg_us * _DIGITS  # of one inference, if a mean is rounded
        figures = (
            self.first_us,
            self.last_us,
            self.avg_us,
            self.p5_us,
            self.median_us,
            self.p95_us,
        )
        least, most = self.min_us - slack_us, self.max_us + slack_us
        if not all(least <= figure <= most for figure in figures if figure is not None):
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
        """Return the contradiction for up to three inferences, each of which is known."""
        times_us = [self.first_us, self.last_us][: self.count]
        if self.count == 3:
            times_us.append(self.avg_us * 3 - sum(times_us))
        mean_us = sum(times_us) / self.count
        std_us = math.sqrt(sum((time_us - mean_us) ** 2 for time_us in times_us) / self.count)
        pairs = (
            (min(times_us), self.min_us, 3 * slack_us),
            (max(times_us), self.max_us, 3 * slack_us),
            (mean_us, self.avg_us, slack_us),
            (std_us, self.std_us, 1 + 3 * slack_us),
        )
        if all(abs(computed - printed) <= allowed for computed, printed, allowed in pairs):
            return ""
        return "least, most, mean and deviation of the same calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOutput:
    """One run of the program."""

    runs: RunStatistics
    warmup: RunStatistics
    init_us: float


def parse_output(text: str) -> BenchmarkOutput:
    """Parse a run's output; `DeviceError` if it is truncated, garbled, or of another program."""
    lines = ended_lines(text)
    if any(_OTHER_PROGRAM in line for line in lines):
        raise DeviceError(
            "this is the output of LiteRT's benchmark_litert_model, whose options differ; "
            "give the benchmark_model of tensorflow/lite/tools/benchmark by --binary"
        )
    running = [
        (index, match) for index, line in enumerate(lines) if (match := _RUNNING.fullmatch(line))
    ]
    summaries = [
        (index, match) for index, line in enumerate(lines) if (match := _read_summary(line))
    ]
    if len(running) != 2 or len(summaries) != 1:
        raise not_understood("two times `Running benchmark for` and one `inference timings in us`")
    (warm, _), (regular, _) = running
    summary_line, summary = summaries[0]
    warmup = _runs_in(lines[warm + 1 : regular])
    runs = _runs_in(lines[regular + 1 : summary_line])
    _check_summary(summary.groupdict(), warmup, runs, lines)
    return BenchmarkOutput(
        runs=runs,
        warmup=warmup,
        init_us=float(summary["init"]),
    )


def ended_lines(text: str) -> list[str]:
    """Return lines without their severity; an unterminated last one is ignored."""
    return [_LEVEL.sub("", line.rstrip("\r")) for line in text.split("\n")[:-1]]


def not_understood(expected: str) -> DeviceError:
    """Return the error for output that the program's sources do not print."""
    return DeviceError(
        f"the output of benchmark_model cannot be parsed, expected {expected}; "
        "is it complete, and of TensorFlow 1.13 or newer?"
    )


def _read_summary(line: str) -> "re.Match[str] | None":
    return _SUMMARY.fullmatch(line) or _OLD_SUMMARY.fullmatch(line)


def _runs_in(lines: Sequence[str]) -> RunStatistics:
    """Parse the single line of statistics among `lines`."""
    candidates = [line for line in lines if line.startswith("count=")]
    runs = _runs(candidates[0].rstrip()) if len(candidates) == 1 else None
    if runs is None or runs.count < 1:
        raise not_understood("one line `count=... avg=...` after each `Running benchmark for`")
    if expected := runs.contradiction():
        raise not_understood(f"{expected}, got {candidates[0]:.100}")
    return runs


def _runs(line: str) -> RunStatistics | None:
    if match := _SAME.fullmatch(line):
        count, value = int(match[1]), float(match[2])
        figures = [value, value, value, value, value, 0.0]
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
    return RunStatistics(
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
    summary: dict[str, str | None], warmup: RunStatistics, runs: RunStatistics, lines: Sequence[str]
) -> None:
    """Compare the summary with the lines that it summarises."""
    pairs = [(summary["mean"], runs.avg_us), (summary["warmup"], warmup.avg_us)]
    if "first" in summary:
        pairs.append((summary["first"], warmup.first_us))
    sessions = [match[1] for line in lines if (match := _SESSION.fullmatch(line))]
    pairs += [(summary["init"], 1e3 * float(session_ms)) for session_ms in sessions]
    for text, figure in pairs:
        if abs(float(text or "nan") - figure) > _DIGITS * figure:
            raise not_understood(f"{figure:g} us in the summary too, got {text}")
