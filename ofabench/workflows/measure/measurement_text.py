"""Measured model files as lines of text."""

import math
from collections.abc import Mapping, Sequence

from ofabench.workflows.measure.model_measurement import ModelMeasurement
from ofabench.workflows.text_table import text_table

HEADINGS = (
    "model",
    "backend",
    "median ms",
    "95 % interval",
    "corrected",
    "p90",
    "p99",
    "first",
    "load ms",
    "memory MB",
)


def measurement_lines(models: Sequence[ModelMeasurement], failures: Mapping[str, str]) -> list[str]:
    """Return a table of latencies, its notes, and a line for each file that failed."""
    lines: list[str] = []
    for target in dict.fromkeys(model.target for model in models):
        lines.append(f"on {target}")
    if models:
        lines += text_table([HEADINGS, *map(_cells, models)])
        lines.append(
            "median, p90 and p99 as measured; corrected: the median without drift within the "
            "session"
        )
    unsettled = [model.file for model in models if not model.narrow_interval]
    if unsettled:
        lines.append(f"wide intervals, measure again with more replicates: {', '.join(unsettled)}")
    return lines + [f"FAILED  {file}: {why}" for file, why in failures.items()]


def _cells(model: ModelMeasurement) -> tuple[str, ...]:
    memory = model.peak_memory_bytes
    return (
        model.file,
        model.backend,
        milliseconds(model.measured_ms),
        "-"
        if math.isnan(model.low_ms)
        else f"{milliseconds(model.low_ms)} to {milliseconds(model.high_ms)}",
        milliseconds(model.corrected_ms),
        milliseconds(model.p90_ms),
        milliseconds(model.p99_ms),
        milliseconds(model.first_ms),
        milliseconds(model.load_ms),
        "-" if memory is None else f"{memory / 1e6:.1f}",
    )


def milliseconds(value: float | None) -> str:
    """Return a time with four significant digits, "-" for None and NaN."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.4g}" if value < 1000 else f"{value:.0f}"
