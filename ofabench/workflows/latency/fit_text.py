"""Result of a fit in a few lines of text."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from bench.timing.statistic import MEDIAN

if TYPE_CHECKING:
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor


def fit_text(model: "BlockPredictor | CategoryPredictor") -> str:
    """Return the chosen forms of a fit with cross-validation errors, as lines."""
    from latency_models.networks.categories.predictor import CategoryPredictor

    lines = _of_categories(model) if isinstance(model, CategoryPredictor) else _of_blocks(model)
    if model.statistic != MEDIAN:
        note = f"statistic     {model.statistic} of each network's samples; blocks stay medians"
        lines = chain(lines, [note])
    return "\n".join(lines)


def _of_blocks(predictor: "BlockPredictor") -> Iterator[str]:
    if predictor.choices:
        yield "kind          rows  form          mean cross-validation error, by form"
    for choice in predictor.choices:
        errors = ", ".join(f"{name} {error:.1%}" for name, error in choice.errors)
        errors_text = errors or "too few rows for cross-validation"
        yield f"{choice.kind:<13} {choice.rows:>4}  {choice.form:<13} {errors_text}"
    chosen = predictor.composition_choice
    if chosen is not None:
        errors = ", ".join(f"{name}: {error:.1%}" for name, error in chosen.errors)
        label = "calibration " if predictor.known else "base        "
        yield f"{label}  {chosen.networks:>4}  {chosen.form}; leave-one-out error: {errors}"
    items = predictor.composition.to_items().items()
    yield "network       " + ", ".join(f"{name} {value:.4g}" for name, value in items)


def _of_categories(predictor: "CategoryPredictor") -> Iterator[str]:
    counts = ", ".join(_counted(column) for column in predictor.costs_ms.items())
    yield f"categories    {counts}"
    unmeasured = sum(
        len(costs) - len(predictor.seen[column]) for column, costs in predictor.costs_ms.items()
    )
    if unmeasured:
        note = "were never measured: networks with these are extrapolated"
        yield f"              {unmeasured} of them {note}"
    chosen = predictor.provenance.get("chosen")
    error = chosen.get("error") if isinstance(chosen, dict) else None
    if isinstance(chosen, dict) and isinstance(error, float):  # older files have none
        yield f"base          {chosen.get('base')}; leave-one-out error: {error:.1%}"


def _counted(column: tuple[str, Any]) -> str:
    name, costs = column
    return f"{name} ({len(costs)})"
