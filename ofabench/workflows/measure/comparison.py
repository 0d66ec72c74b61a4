"""`MeasurementComparison`: the differences of two measurements of model files."""

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from ofabench.workflows.measure.compared_measurement import ComparedMeasurement, ComparedModel
from ofabench.workflows.measure.measurement_text import milliseconds
from ofabench.workflows.text_table import text_table

SLOWER, FASTER = "slower", "faster"
NO_DIFFERENCE = "no difference beyond noise"
UNKNOWN = "noise unknown"
HEADINGS = ("model", "backend", "A ms", "B ms", "as measured", "corrected", "95 % interval", "B is")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """The second latency over the first; `low` and `high` are its 95 % interval.

    The interval is None where one of the two has a single replicate.
    """

    ratio: float
    low: float | None
    high: float | None

    @classmethod
    def of(
        cls, first: float, first_interval: Sequence[float], second: float, interval: Sequence[float]
    ) -> "Ratio":
        """Return the ratio of two latencies with the interval that follows from theirs.

        The interval of one latency holds that of a repeated measurement, so half of its variance
        is that of the repetition; the variance of a ratio is the mean of both.
        """
        ratio = second / first
        reaches = [math.log(high / low) / 2 for low, high in (first_interval, interval)]
        reach = math.sqrt(sum(each**2 for each in reaches) / 2)
        if math.isnan(reach):
            return cls(ratio=ratio, low=None, high=None)
        return cls(ratio=ratio, low=ratio * math.exp(-reach), high=ratio * math.exp(reach))

    @property
    def verdict(self) -> str:
        """What the interval says of the second latency."""
        if self.low is None or self.high is None:
            return UNKNOWN
        if self.low > 1:
            return SLOWER
        return FASTER if self.high < 1 else NO_DIFFERENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparison:
    """One model file in two measurements.

    Attributes:
        file: its name in the second one.
        backend: which runtime ran it in the second one.
        first_ms, second_ms: medians as measured.
        measured: their ratio.
        corrected: the ratio of the medians without drift within each session.
        same_content: whether content, shapes and input values are the same.
        verdict: of the corrected ratio: slower, faster, or no difference beyond noise.
    """

    file: str
    backend: str
    first_ms: float
    second_ms: float
    measured: Ratio
    corrected: Ratio
    same_content: bool
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MeasurementComparison:
    """Differences of the second of two measurements of model files from the first.

    Attributes:
        models: each file that both measured.
        only_first, only_second: files that one of them measured.
        differences: how device, backend and settings differ, in words.
        failures: what is slower by more than allowed, in words.
    """

    models: tuple[ModelComparison, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    differences: tuple[str, ...]
    failures: tuple[str, ...]

    @property
    def overall(self) -> float:
        """The median of the corrected ratios: what all files have in common, drift for example."""
        return median(model.corrected.ratio for model in self.models)

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**asdict(self), "overall": self.overall}

    def _lines(self) -> Iterator[str]:
        yield from (f"DIFFERS  {difference}" for difference in self.differences)
        yield from text_table([HEADINGS, *map(_cells, self.models)])
        yield f"all files together: {_change(self.overall)} (median, corrected)"
        yield from (f"ONLY IN A  {file}" for file in self.only_first)
        yield from (f"ONLY IN B  {file}" for file in self.only_second)
        yield from (f"FAILED  {failure}" for failure in self.failures)


def compare_models(
    first: ComparedMeasurement, second: ComparedMeasurement, fail_slower: float | None
) -> MeasurementComparison:
    """Return the differences of the second measurement from the first; they share a file."""
    pairs = first.pairs_with(second)
    models = tuple(_model(before, now) for before, now in pairs)
    differences = dict.fromkeys(
        f"{before.target} and {now.target}" for before, now in pairs if before.target != now.target
    )
    only_first = tuple(
        model.file for model in first.models if model not in [before for before, _ in pairs]
    )
    only_second = tuple(
        model.file for model in second.models if model not in [now for _, now in pairs]
    )
    return MeasurementComparison(
        models=models,
        only_first=only_first,
        only_second=only_second,
        differences=tuple(differences),
        failures=tuple(_failures(models, only_first, fail_slower)),
    )


def _model(before: ComparedModel, now: ComparedModel) -> ModelComparison:
    corrected = Ratio.of(
        before.corrected_ms,
        before.corrected_interval_ms,
        now.corrected_ms,
        now.corrected_interval_ms,
    )
    return ModelComparison(
        file=now.file,
        backend=now.backend,
        first_ms=before.measured_ms,
        second_ms=now.measured_ms,
        measured=Ratio.of(before.measured_ms, before.interval_ms, now.measured_ms, now.interval_ms),
        corrected=corrected,
        same_content=before.digest == now.digest,
        verdict=corrected.verdict,
    )


def _failures(
    models: Sequence[ModelComparison], only_first: Sequence[str], limit: float | None
) -> Iterator[str]:
    """Yield what is slower by more than allowed; where the noise is unknown, the ratio decides."""
    if limit is None:
        return
    for model in models:
        if model.corrected.ratio > 1 + limit and model.verdict in {SLOWER, UNKNOWN}:
            yield (
                f"{model.file} ({model.backend}) is slower by {model.corrected.ratio - 1:.1%}, "
                f"allowed is {limit:.1%}"
            )
    yield from (f"{file} is not in the second measurement" for file in only_first)


def _cells(model: ModelComparison) -> tuple[str, ...]:
    low, high = model.corrected.low, model.corrected.high
    return (
        model.file,
        model.backend,
        milliseconds(model.first_ms),
        milliseconds(model.second_ms),
        _change(model.measured.ratio),
        _change(model.corrected.ratio),
        "-" if low is None or high is None else f"{_change(low)} to {_change(high)}",
        model.verdict,
    )


def _change(ratio: float) -> str:
    return f"{ratio - 1:+.1%}"
