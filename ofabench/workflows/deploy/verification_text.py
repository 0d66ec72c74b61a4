"""Verdicts of a verification as JSON values and as text.

A limit is compared with the latency as measured (raw), which a user will get. A prediction is
compared with the drift-corrected latency if there is one, else with the latency as measured. Both
are always shown. The first measurement of a file counts; repeats are shown with it.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench.timing.session_drift import drift_in_words
from bench.timing.statistic import MEDIAN
from bench.timing.tail import Tail
from ofabench.workflows.deploy.energy_text import energy_lines

if TYPE_CHECKING:
    from supernet.data.dataset import Score

REPEATS = "repeats"
FIGURES = ("measured", "drift_corrected")
_NAMES = {"measured": "measured", "drift_corrected": "drift-corrected"}


def failed(verdict: Mapping[str, Any]) -> bool:
    """Whether the prediction is not within tolerance, or a limit not met."""
    energy = verdict.get("energy") or {}
    verdicts = (
        verdict["prediction_within_tolerance"], verdict["limit_met"], energy.get("limit_met")
    )  # fmt: skip
    return False in verdicts


def with_repeat(first: Any, again: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return `first` with `again` added to its repeats; None unless both verify the same.

    The same means equal file, target, prediction, limit, tolerance and statistic.
    """
    same = ("model_sha256", "target", "predicted_ms", "limit_ms", "tolerance", "statistic")
    first = {"statistic": MEDIAN, **first} if isinstance(first, dict) else None
    if first is None or any(first.get(key) != again[key] for key in same):
        return None
    keys = ("measured", "drift", "drift_corrected", "median_ms", "tail",
            "prediction_within_tolerance", "limit_met", "energy")  # fmt: skip
    repeats = first.get(REPEATS, [])
    return {**first, REPEATS: [*repeats, {key: again.get(key) for key in keys}]}


def accuracy_json(score: "Score | None", predicted: float | None) -> dict[str, Any]:
    """Return JSON values of the accuracy on test images and of the search's prediction."""
    low, high = (None, None) if score is None else score.interval
    return {
        "predicted_accuracy": predicted,
        "accuracy": None if score is None else score.accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_images": None if score is None else score.images,
    }


def latency_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield prediction, limit, latency as measured and drift-corrected, and verdicts."""
    other_precision = data["prediction_of_another_precision"]
    of_text = of_statistic(data)
    if data["predicted_ms"] is not None:
        yield f"  predicted        {data['predicted_ms']:.4g} ms{of_text}"
    elif other_precision is not None:
        target = other_precision["target"]
        yield f"  predicted        {other_precision['predicted_ms']:.4g} ms on {target},"
        precision = data["precision"]
        yield f"                   which does not apply to a file of {precision}: no verdict"
    if data["limit_ms"] is not None:
        yield f"  limit            {data['limit_ms']:g} ms{of_text}"
    if data["extrapolated"]:
        count = len(data["extrapolated"])
        yield f"  extrapolated: {count} blocks differ from all that the predictor was fitted on"
    for line in figure_lines(data):
        yield f"  {line}"
    yield from energy_lines(data.get("energy"))
    if other_precision is not None:
        ratio = data["measured"]["ms"] / other_precision["predicted_ms"]
        yield f"                   {ratio:.2f} times that"
    for number, again in enumerate(data.get(REPEATS, ()), start=1):
        yield f"  repeat {number} (the first measurement counts)"
        for line in figure_lines({**data, **again}):
            yield f"    {line}"
        for line in energy_lines(again.get("energy")):
            yield f"  {line}"
    difference = data["on_device"]
    if difference is not None:
        same_class = f"same class for {difference['agreement']:.0%}"
        differ = f"differ by {difference['largest']:.1g} at most, {same_class}"
        yield f"  outputs          there and here {differ} ({difference['images']} random images)"


def figure_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the latency as measured and drift-corrected (or why not), then the percentiles."""
    for name in FIGURES:
        figure = data[name]
        if figure is None:
            if data["predicted_ms"] is not None:
                yield f"{_NAMES[name]:<16} - ({drift_line(data['drift'])})"
            continue
        line = f"{_NAMES[name]:<16} {figure['ms']:.4g} ms{of_statistic(data)}"
        line += f" (95 % interval {figure['low_ms']:.4g} to {figure['high_ms']:.4g})"
        verdicts = figure_verdicts(figure, data["tolerance"])
        yield f"{line}: {verdicts}" if verdicts else line
    if data["drift_corrected"] is not None:
        yield f"{'drift':<16} {drift_in_words(data['drift'])}"
    tail = data.get("tail")
    if tail is not None:
        words = f"median {data['median_ms']:.4g} ms, {Tail.from_json(tail).in_words}"
        yield f"{'samples':<16} {words}"


def of_statistic(data: Mapping[str, Any]) -> str:
    """Return the statistic in brackets, or nothing for the median."""
    statistic = data.get("statistic", MEDIAN)
    return "" if statistic == MEDIAN else f" ({statistic})"


def figure_verdicts(figure: Mapping[str, Any], tolerance: float) -> str:
    """Return the verdicts of one latency in words; empty without verdicts."""
    words = []
    if figure["within_tolerance"] is not None:
        verdict = "within" if figure["within_tolerance"] else "NOT WITHIN"
        words.append(f"{figure['error']:+.1%}, {verdict} {100 * tolerance:g} % of the prediction")
    if figure["limit_met"] is not None:
        words.append("limit met" if figure["limit_met"] else "limit NOT MET")
    return "; ".join(words)


def drift_line(drift: Mapping[str, Any] | None) -> str:
    """Return the drift in words, or that it is unknown."""
    if drift is None:
        return "the predictor has no measurements to compare with: drift is unknown"
    return drift_in_words(drift)


def accuracy_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the accuracy on test images, if it was measured."""
    if data["accuracy"] is None:
        return
    line = f"{accuracy_in_words(data)} of {data['accuracy_images']} test images"
    if data["predicted_accuracy"] is not None:
        line += f" (predicted on validation images {data['predicted_accuracy']:.2%})"
    yield f"  accuracy         {line}"


def accuracy_in_words(data: Mapping[str, Any]) -> str:
    """Return the accuracy with its 95 % interval."""
    from supernet.data.wilson import format_share

    return format_share(data["accuracy"], (data["accuracy_low"], data["accuracy_high"]))
