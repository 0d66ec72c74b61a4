"""Outcome of a run's networks: predicted, measured, accuracy on test images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import FileError
from bench.files import VALUE_DAMAGE, read_json
from bench.timing.session_drift import SessionDrift
from bench.timing.statistic import MEDIAN
from bench.timing.tail import Tail
from ofabench.report.architecture_text import arch_of, in_words, space_named
from ofabench.workflows.deploy.verification_text import REPEATS
from supernet.data.wilson import share_in_words
from supernet.verification.verdicts import Figure, Verification

VERIFIED = ".verified.json"
NEEDED = {"predicted_ms", "measured", "drift_corrected", "prediction_within_tolerance"}
EARLIER = {"predicted_ms", "measured_ms", "levelled_ms", "kept"}  # of version 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One network that was exported, measured and judged: what `ofabench verify --out` wrote.

    Accuracies are fractions: `accuracy` of test images with its 95 % interval, and what the search
    predicted of validation images. `repeats` are later measurements of the same; the first counts.
    """

    name: str
    verification: Verification
    arch: str  # in words, as Plotly shows them
    repeats: tuple[Verification, ...] = ()
    accuracy: float | None = None
    accuracy_interval: tuple[float, float] | None = None
    predicted_accuracy: float | None = None
    target: str = ""
    extrapolated: int = 0  # blocks unlike any that the predictor was fitted on

    @property
    def limit_ms(self) -> float | None:
        return self.verification.expected.limit_ms

    @property
    def predicted_ms(self) -> float | None:
        """None where no predictor is of the file's precision."""
        return self.verification.expected.predicted_ms

    @property
    def measured_ms(self) -> float:
        """As measured (raw)."""
        return self.verification.measured.ms

    @property
    def failed(self) -> bool:
        return self.verification.failed


def read_outcomes(folder: Path) -> list[Outcome]:
    """Every verified network of a run, from the fastest; `FileError` where a file is none."""
    found = [read_outcome(path, read_json(path)) for path in Path(folder).glob(f"*{VERIFIED}")]
    return in_order(found)


def in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """From the fastest prediction; what is not predicted is last, by its measurement."""
    return sorted(outcomes, key=lambda one: (one.predicted_ms or math.inf, one.measured_ms))


def outcome_frame(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """One row a network, as a person reads it: each latency with both its verdicts."""
    frame = pd.DataFrame([_row(outcome) for outcome in outcomes])
    if any(outcome.repeats for outcome in outcomes):
        frame["repeated, ms"] = [
            ", ".join(f"{one.measured.ms:.4f}" for one in outcome.repeats) or "-"
            for outcome in outcomes
        ]
    found = [outcome.verification for outcome in outcomes]
    if any(one.drift is not None for one in found):
        frame["drift"] = [_drift(one.drift) for one in found]
    if any(one.tail is not None for one in found):
        frame["p90, ms"] = ["-" if one.tail is None else f"{one.tail.p90_ms:.4f}" for one in found]
        frame["p99, ms"] = [_p99(one.tail) for one in found]
    if any(one.expected.statistic != MEDIAN for one in found):
        frame["judged by"] = [one.expected.statistic for one in found]
    if any(outcome.extrapolated for outcome in outcomes):
        frame["extrapolated blocks"] = [outcome.extrapolated for outcome in outcomes]
    return frame


def outcome_text(outcomes: Sequence[Outcome]) -> str:
    """The same as text for a terminal."""
    return outcome_frame(outcomes).to_string(index=False)


def counts_of(outcomes: Sequence[Outcome]) -> str:
    """How many verdicts are met: "3 of 3 limits met, 4 of 5 predictions within 10 %".

    A limit is judged as measured. A prediction is judged drift-corrected where there is a
    correction; then it is also counted as measured.
    """
    all_of = [one.verification for one in outcomes]
    limits = [one.limit_met for one in all_of if one.limit_met is not None]
    judged = [one for one in all_of if one.prediction_within_tolerance is not None]
    words = []
    if limits:
        words.append(f"{sum(limits)} of {len(limits)} limits met")
    if judged:
        words.append(_predictions_within(judged))
    return ", ".join(words) or "nothing was predicted or limited"


def _predictions_within(judged: Sequence[Verification]) -> str:
    within = sum(one.prediction_within_tolerance is True for one in judged)
    tolerances = sorted({one.expected.tolerance for one in judged})
    words = f"{within} of {len(judged)} predictions within "
    words += " or ".join(f"{100 * one:g} %" for one in tolerances)
    corrected = sum(one.drift_corrected is not None for one in judged)
    if corrected:
        raw = sum(one.measured.within_tolerance is True for one in judged)
        words += f" ({corrected} drift-corrected; {raw} of {len(judged)} as measured)"
    return words


def is_outcome(data: Any) -> bool:
    """Whether JSON values are what `ofabench verify --out` writes, by their names."""
    return isinstance(data, dict) and (data.keys() >= NEEDED or data.keys() >= EARLIER)


def read_outcome(path: Path, data: Any, name: str | None = None) -> Outcome:
    """Make sense of a verified network's JSON values; `FileError` where they are damaged."""
    try:
        accuracy = _number(data["accuracy"])
        return Outcome(
            name=name or path.name.removesuffix(VERIFIED),
            verification=Verification.from_json(data),
            repeats=tuple(
                Verification.from_json({**data, **again}) for again in data.get(REPEATS, ())
            ),
            accuracy=accuracy,
            accuracy_interval=None
            if accuracy is None
            else (finite(data["accuracy_low"]), finite(data["accuracy_high"])),
            predicted_accuracy=_number(data["predicted_accuracy"]),
            arch=_words(data.get("space"), data["arch"]),
            target=str(data.get("target", "")),
            extrapolated=len(data.get("extrapolated", ())),
        )
    except VALUE_DAMAGE as error:
        raise FileError(
            f"{path} is not what `ofabench verify --out` writes ({error!r}); verify again"
        ) from error


def _row(outcome: Outcome) -> dict[str, str]:
    found = outcome.verification
    limit_ms, predicted_ms = outcome.limit_ms, outcome.predicted_ms
    return {
        "network": outcome.name,
        "limit, ms": "-" if limit_ms is None else f"{limit_ms:.4f}",
        "predicted, ms": "-" if predicted_ms is None else f"{predicted_ms:.4f}",
        **_cells(found.measured, "measured"),
        **_cells(found.drift_corrected, "drift-corrected"),
        "accuracy on test images": _accuracy(outcome),
    }


def _drift(drift: SessionDrift | None) -> str:
    if drift is None:
        return "-"
    source = f"{drift.workloads} {drift.source}{' (weak)' if drift.weak else ''}"
    return f"{drift.ratio - 1:+.1%} by {source}{'' if drift.applied else ', not corrected'}"


def _p99(tail: Tail | None) -> str:
    return "-" if tail is None or tail.p99_ms is None else f"{tail.p99_ms:.4f}"


def _cells(figure: Figure | None, name: str) -> dict[str, str]:
    """Columns of one latency; of which latency the verdicts are is in the columns' names."""
    short = "" if name == "measured" else "corrected "
    if figure is None:
        return {f"{name}, ms": "-", f"{short}difference": "-", f"{short}limit": "-"}
    difference = "-"
    if figure.error is not None:
        difference = f"{figure.error:+.1%} {'ok' if figure.within_tolerance else 'OUT'}"
    limit = {None: "-", True: "met", False: "NOT MET"}[figure.limit_met]
    return {
        f"{name}, ms": f"{figure.ms:.4f}",
        f"{short}difference": difference,
        f"{short}limit": limit,
    }


def _accuracy(outcome: Outcome) -> str:
    if outcome.accuracy is None or outcome.accuracy_interval is None:
        return "-"
    return share_in_words(outcome.accuracy, outcome.accuracy_interval)


def finite(value: Any) -> float:
    """A number of a JSON file; `ValueError` where it is none, infinite, or not a number."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no figure")
    return number


def _number(value: Any) -> float | None:
    return None if value is None else finite(value)


def _words(space: Any, data: Any) -> str:
    arch = arch_of(data)
    return escape(str(data)) if arch is None else in_words(space_named(space), arch)
