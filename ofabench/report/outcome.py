"""What became of the networks of a run: promised, measured, judged on test images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import FileError
from bench.files import read_json
from ofabench.report.words import arch_of, in_words, space_named

VERIFIED = ".verified.json"
NEEDED = {"predicted_ms", "measured_ms", "levelled_ms", "kept"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One network that was exported, measured and judged: what `ofabench verify --out` wrote."""

    name: str
    limit_ms: float | None
    predicted_ms: float | None  # None where no predictor is of the file's precision
    measured_ms: float  # on the scale of the predictor's sweep, where there is one
    raw_ms: float  # as it was measured, with the machine's level of that minute
    accuracy: float | None  # fraction of test images
    accuracy_error: float | None  # standard error of `accuracy`
    predicted_accuracy: float | None  # on validation images
    kept: bool | None
    arch: str  # in words, as Plotly shows them
    target: str = ""
    extrapolated: int = 0  # blocks unlike any that the predictor was fitted on


def read_outcomes(folder: Path) -> list[Outcome]:
    """Every verified network of a run, from the fastest; `FileError` where a file is none."""
    found = [read_outcome(path, read_json(path)) for path in Path(folder).glob(f"*{VERIFIED}")]
    return in_order(found)


def in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """From the fastest."""
    return sorted(outcomes, key=lambda outcome: (outcome.measured_ms, outcome.name))


def outcome_frame(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """One row a network, as a person reads it."""
    rows = [
        {
            "network": outcome.name,
            "limit, ms": "-" if outcome.limit_ms is None else f"{outcome.limit_ms:.4f}",
            "predicted, ms": "-" if outcome.predicted_ms is None else f"{outcome.predicted_ms:.4f}",
            "measured, ms": f"{outcome.measured_ms:.4f}",
            "difference": _difference(outcome),
            "accuracy on test images": _accuracy(outcome),
        }
        for outcome in outcomes
    ]
    frame = pd.DataFrame(rows)
    if any(outcome.extrapolated for outcome in outcomes):
        frame["extrapolated blocks"] = [outcome.extrapolated for outcome in outcomes]
    return frame


def outcome_text(outcomes: Sequence[Outcome]) -> str:
    """The same as text for a terminal."""
    return outcome_frame(outcomes).to_string(index=False)


def is_outcome(data: Any) -> bool:
    """Whether JSON values are what `ofabench verify --out` writes, by their names."""
    return isinstance(data, dict) and data.keys() >= NEEDED


def read_outcome(path: Path, data: Any, name: str | None = None) -> Outcome:
    """Make sense of a verified network's JSON values; `FileError` where they are damaged."""
    try:
        predicted_ms, levelled_ms = data["predicted_ms"], data["levelled_ms"]
        return Outcome(
            name=name or path.name.removesuffix(VERIFIED),
            limit_ms=_number(data["limit_ms"]),
            predicted_ms=None if predicted_ms is None else _time(predicted_ms),
            measured_ms=_time(data["measured_ms"] if levelled_ms is None else levelled_ms),
            raw_ms=_time(data["measured_ms"]),
            accuracy=_number(data["accuracy"]),
            accuracy_error=_number(data["accuracy_error"]),
            predicted_accuracy=_number(data["predicted_accuracy"]),
            kept=None if data["kept"] is None else bool(data["kept"]),
            arch=_words(data.get("space"), data["arch"]),
            target=str(data.get("target", "")),
            extrapolated=len(data.get("extrapolated", ())),
        )
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise FileError(
            f"{path} is not what `ofabench verify --out` writes ({error!r}); verify again"
        ) from error


def _difference(outcome: Outcome) -> str:
    if outcome.predicted_ms is None:
        return "-"
    return f"{outcome.measured_ms / outcome.predicted_ms - 1:+.1%}"


def _accuracy(outcome: Outcome) -> str:
    if outcome.accuracy is None:
        return "-"
    return f"{outcome.accuracy:.2%} ± {outcome.accuracy_error or 0:.2%}"


def finite(value: Any) -> float:
    """A number of a JSON file; `ValueError` where it is none, infinite, or not a number."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no figure")
    return number


def _time(value: Any) -> float:
    if finite(value) <= 0:
        raise ValueError(f"{value} ms is no time")
    return finite(value)


def _number(value: Any) -> float | None:
    return None if value is None else finite(value)


def _words(space: Any, data: Any) -> str:
    arch = arch_of(data)
    return escape(str(data)) if arch is None else in_words(space_named(space), arch)
