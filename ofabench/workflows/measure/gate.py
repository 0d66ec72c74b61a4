"""Verdicts on measured model files: a limit, and a comparison with an earlier measurement."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ofabench.options.measure import GateOptions
from ofabench.workflows.measure.measurements import Measurements
from ofabench.workflows.measure.model_measurement import ModelMeasurement


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRatio:
    """A model's latency over that of an earlier measurement, both as measured.

    Attributes:
        file, backend: of which model.
        before_ms, now_ms: medians.
        ratio: now over before; above 1 is slower.
        other_target: the earlier target's key, where it is another one.
    """

    file: str
    backend: str
    before_ms: float
    now_ms: float
    ratio: float
    other_target: str | None

    def __str__(self) -> str:
        change = f"{self.ratio - 1:+.1%}"
        words = f"{self.file} ({self.backend}): {self.now_ms:.4g} ms, earlier {self.before_ms:.4g}"
        note = f"; the earlier target was {self.other_target}" if self.other_target else ""
        return f"{words} ({change}){note}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Verdicts of a measurement: its limits, and the comparison with its baseline.

    Attributes:
        ratios: for each model that the baseline has too.
        failures: every limit that was not met, in words.
        missing: models that the baseline lacks.
    """

    ratios: tuple[BaselineRatio, ...]
    failures: tuple[str, ...]
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "ratios": [asdict(ratio) for ratio in self.ratios],
            "failures": list(self.failures),
            "missing": list(self.missing),
        }

    def lines(self) -> list[str]:
        """Return it as lines of text."""
        return [
            *(f"COMPARED  {ratio}" for ratio in self.ratios),
            *(f"COMPARED  {file}: not in the baseline" for file in self.missing),
            *(f"FAILED  {failure}" for failure in self.failures),
        ]


def hold_against(measured: Measurements, options: GateOptions) -> Gate:
    """Hold measurements against the limit and the baseline of the options.

    `FileError` where the baseline cannot be read.
    """
    failures = []
    if options.fail_above_ms is not None:
        failures += [
            f"{model.file} ({model.backend}) takes {model.measured_ms:.4g} ms, the limit is "
            f"{options.fail_above_ms:g} ms"
            for model in measured
            if model.measured_ms > options.fail_above_ms
        ]
    ratios, missing = _ratios(measured, options.baseline)
    if options.fail_slower is not None:
        failures += [
            f"{ratio.file} ({ratio.backend}) is slower than earlier by {ratio.ratio - 1:.1%}, "
            f"allowed is {options.fail_slower:.1%}"
            for ratio in ratios
            if ratio.ratio > 1 + options.fail_slower
        ]
    return Gate(ratios=tuple(ratios), failures=tuple(failures), missing=tuple(missing))


def _ratios(measured: Measurements, baseline: Path | None) -> tuple[list[BaselineRatio], list[str]]:
    """Return the ratios to an earlier measurement, and the files that it lacks."""
    if baseline is None:
        return [], []
    earlier = {(model.file, model.backend): model for model in Measurements.load(baseline)}
    ratios, missing = [], []
    for model in measured:
        before = earlier.get((model.file, model.backend))
        if before is None:
            missing.append(model.file)
        else:
            ratios.append(_ratio(model, before))
    return ratios, missing


def _ratio(model: ModelMeasurement, before: ModelMeasurement) -> BaselineRatio:
    return BaselineRatio(
        file=model.file,
        backend=model.backend,
        before_ms=before.measured_ms,
        now_ms=model.measured_ms,
        ratio=model.measured_ms / before.measured_ms,
        other_target=None if model.target == before.target else before.target,
    )
