"""Measured model files as lines of text."""

import math
from collections.abc import Iterator, Mapping, Sequence

from bench.notebook.html_table import rows_html
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
ENERGY_HEADINGS = ("energy mJ", "95 % interval")


def measurement_lines(models: Sequence[ModelMeasurement], failures: Mapping[str, str]) -> list[str]:
    """Return a table of latencies, its notes, and a line for each file that failed."""
    table = text_table(_table(models)) if models else []
    return [*_targets(models), *table, *_notes(models, failures)]


def measurements_html(models: Sequence[ModelMeasurement], failures: Mapping[str, str]) -> str:
    """Return the same as HTML."""
    notes = _notes(models, failures)
    headings, *rows = _table(models)
    return rows_html(headings, rows, left={0, 1}, above=_targets(models), below=notes)


def _table(models: Sequence[ModelMeasurement]) -> list[tuple[str, ...]]:
    """Return the headings and a row for each model; with energy if it was measured."""
    with_energy = any(model.energy_mj is not None for model in models)
    headings = (*HEADINGS, *ENERGY_HEADINGS) if with_energy else HEADINGS
    return [headings, *(_cells(model)[: len(headings)] for model in models)]


def _targets(models: Sequence[ModelMeasurement]) -> list[str]:
    return [f"on {target}" for target in dict.fromkeys(model.target for model in models)]


def _notes(models: Sequence[ModelMeasurement], failures: Mapping[str, str]) -> Iterator[str]:
    if models:
        yield (
            "median, p90 and p99 as measured; corrected: the median without drift within the "
            "session"
        )
    for source in dict.fromkeys(model.energy_source for model in models if model.energy_source):
        yield f"energy of an inference without the idle device's power, by {source}"
    unsettled = [model.file for model in models if not model.narrow_interval]
    if unsettled:
        yield f"wide intervals, measure again with more replicates: {', '.join(unsettled)}"
    yield from (f"FAILED  {file}: {why}" for file, why in failures.items())


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
        milliseconds(model.energy_mj),
        "-"
        if model.energy_low_mj is None
        else f"{model.energy_low_mj:.4g} to {model.energy_high_mj:.4g}",
    )


def milliseconds(value: float | None) -> str:
    """Return a time with four significant digits, "-" for None and NaN."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.4g}" if value < 1000 else f"{value:.0f}"
