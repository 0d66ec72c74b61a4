"""Measured networks of a run: predictions, measurements, accuracies on test images."""

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
from ofabench.charts.architecture_text import in_words
from ofabench.report.named_spaces import arch_of, space_named
from ofabench.workflows.deploy.verification_text import REPEATS
from supernet.data.wilson import format_share
from supernet.space.arch import ArchConfig
from supernet.verification.energy import JudgedEnergy
from supernet.verification.verdicts import JudgedLatency, Verification

VERIFIED = ".verified.json"
NEEDED = {"predicted_ms", "measured", "drift_corrected", "prediction_within_tolerance"}
EARLIER = {"predicted_ms", "measured_ms", "levelled_ms", "kept"}  # of version 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One network that was exported and measured: what `ofabench verify --out` wrote.

    Accuracies are fractions: `accuracy` on test images with its 95 % interval, and what the search
    predicted for validation images. `repeats` are later measurements of the same file; the first
    one counts. `config` is None where the file's architecture cannot be read.
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
    space: str | None = None
    config: ArchConfig | None = None
    energy: JudgedEnergy | None = None

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
        energy = None if self.energy is None else self.energy.limit_met
        return self.verification.failed or energy is False


def read_outcomes(folder: Path) -> list[Outcome]:
    """Every verified network of a run, from the fastest; `FileError` where a file is none."""
    return in_order(
        [read_outcome(path, read_json(path)) for path in Path(folder).glob(f"*{VERIFIED}")]
    )


def in_order(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """From the fastest prediction; what is not predicted is last, by its measurement."""
    return sorted(outcomes, key=lambda each: (each.predicted_ms or math.inf, each.measured_ms))


def outcome_frame(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """One row per network for a terminal: each latency with both its verdicts."""
    frame = pd.DataFrame([_row(outcome) for outcome in outcomes])
    if any(outcome.repeats for outcome in outcomes):
        frame["repeated, ms"] = [
            ", ".join(f"{each.measured.ms:.4f}" for each in outcome.repeats) or "-"
            for outcome in outcomes
        ]
    verified = [outcome.verification for outcome in outcomes]
    if any(each.drift is not None for each in verified):
        frame["drift"] = [_drift(each.drift) for each in verified]
    if any(each.tail is not None for each in verified):
        frame["p90, ms"] = [
            "-" if each.tail is None else f"{each.tail.p90_ms:.4f}" for each in verified
        ]
        frame["p99, ms"] = [_p99(each.tail) for each in verified]
    if any(each.energy is not None for each in outcomes):
        frame["energy, mJ"] = [_energy(each.energy) for each in outcomes]
    if any(each.expected.statistic != MEDIAN for each in verified):
        frame["judged by"] = [each.expected.statistic for each in verified]
    if any(outcome.extrapolated for outcome in outcomes):
        frame["extrapolated blocks"] = [outcome.extrapolated for outcome in outcomes]
    return frame


def outcome_text(outcomes: Sequence[Outcome]) -> str:
    """The same as text for a terminal."""
    return outcome_frame(outcomes).to_string(index=False)


def counts_of(outcomes: Sequence[Outcome]) -> str:
    """How many verdicts are met: "3 of 3 limits met, 4 of 5 predictions within 10 %"."""
    counts = Counts.of(outcomes)
    words = []
    if counts.limits:
        words.append(f"{counts.limits_met} of {counts.limits} limits met")
    if counts.predictions:
        within = f"{counts.within} of {counts.predictions} predictions within {counts.tolerance}"
        words.append(f"{within} ({counts.corrections})" if counts.corrected else within)
    return ", ".join(words) or "nothing was predicted or limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many verdicts there are, and how many are in favour.

    Limits are of latencies and energies. A limit on latency is judged as measured. A prediction is
    judged drift-corrected where there is a correction (`corrected` of them); `within_raw` counts
    them as measured.
    """

    limits: int
    limits_met: int
    predictions: int
    within: int
    within_raw: int
    corrected: int
    tolerance: str

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> "Counts":
        """Count the verdicts of measured networks."""
        every = [each.verification for each in outcomes]
        energies = [each.energy for each in outcomes if each.energy is not None]
        verdicts = [each.limit_met for each in every] + [each.limit_met for each in energies]
        limits = [met for met in verdicts if met is not None]
        predicted = [each for each in every if each.prediction_within_tolerance is not None]
        tolerances = sorted({each.expected.tolerance for each in predicted})
        return cls(
            limits=len(limits),
            limits_met=sum(limits),
            predictions=len(predicted),
            within=sum(each.prediction_within_tolerance is True for each in predicted),
            within_raw=sum(each.measured.within_tolerance is True for each in predicted),
            corrected=sum(each.drift_corrected is not None for each in predicted),
            tolerance=" or ".join(f"{100 * share:g} %" for share in tolerances),
        )

    @property
    def corrections(self) -> str:
        """How many predictions are judged drift-corrected, and the count without."""
        raw = f"{self.within_raw} of {self.predictions} as measured"
        return f"{self.corrected} drift-corrected; {raw}"


def is_outcome(data: Any) -> bool:
    """Whether JSON values are what `ofabench verify --out` writes, by their names."""
    return isinstance(data, dict) and (data.keys() >= NEEDED or data.keys() >= EARLIER)


def read_outcome(path: Path, data: Any, name: str | None = None) -> Outcome:
    """Read a verified network's JSON values; `FileError` where they are damaged."""
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
            space=None if data.get("space") is None else str(data["space"]),
            config=arch_of(data["arch"]),
            energy=None if data.get("energy") is None else JudgedEnergy.from_json(data["energy"]),
        )
    except VALUE_DAMAGE as error:
        raise FileError(
            f"{path} is not what `ofabench verify --out` writes ({error!r}); verify again"
        ) from error


def _row(outcome: Outcome) -> dict[str, str]:
    verification = outcome.verification
    limit_ms, predicted_ms = outcome.limit_ms, outcome.predicted_ms
    return {
        "network": outcome.name,
        "limit, ms": "-" if limit_ms is None else f"{limit_ms:.4f}",
        "predicted, ms": "-" if predicted_ms is None else f"{predicted_ms:.4f}",
        **_cells(verification.measured, "measured"),
        **_cells(verification.drift_corrected, "drift-corrected"),
        "accuracy on test images": _accuracy(outcome),
    }


def _drift(drift: SessionDrift | None) -> str:
    if drift is None:
        return "-"
    source = f"{drift.workloads} {drift.source}{' (weak)' if drift.weak else ''}"
    return f"{drift.ratio - 1:+.1%} by {source}{'' if drift.applied else ', not corrected'}"


def _p99(tail: Tail | None) -> str:
    return "-" if tail is None or tail.p99_ms is None else f"{tail.p99_ms:.4f}"


def _energy(judged: JudgedEnergy | None) -> str:
    if judged is None or not judged.energy.known:
        return "-"
    limit = {None: "", True: " limit met", False: " limit NOT MET"}[judged.limit_met]
    return f"{judged.energy.energy_mj:.4g}{limit}"


def _cells(figure: JudgedLatency | None, name: str) -> dict[str, str]:
    """Columns of one latency with its verdicts; `name` says which latency it is."""
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
    return format_share(outcome.accuracy, outcome.accuracy_interval)


def finite(value: Any) -> float:
    """Return a number of a JSON file; `ValueError` where it is none or not finite."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no figure")
    return number


def _number(value: Any) -> float | None:
    return None if value is None else finite(value)


def _words(space: Any, data: Any) -> str:
    arch = arch_of(data)
    return escape(str(data)) if arch is None else in_words(space_named(space), arch)
