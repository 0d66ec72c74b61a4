"""The result of a fit in a few lines of text."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from bench.timing.statistic import MEDIAN

if TYPE_CHECKING:
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor


def fit_words(model: "BlockPredictor | CategoryPredictor") -> str:
    """Return what a fit chose, with cross-validation errors, in lines."""
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
        told = errors or "too few rows for cross-validation"
        yield f"{choice.kind:<13} {choice.rows:>4}  {choice.form:<13} {told}"
    chosen = predictor.composition_choice
    if chosen is not None:
        errors = ", ".join(f"{name}: {error:.1%}" for name, error in chosen.errors)
        what = "calibration " if predictor.known else "base        "
        yield f"{what}  {chosen.networks:>4}  {chosen.form}; leave-one-out error: {errors}"
    items = predictor.composition.to_items().items()
    yield "network       " + ", ".join(f"{name} {value:.4g}" for name, value in items)


def _of_categories(predictor: "CategoryPredictor") -> Iterator[str]:
    told = ", ".join(_counted(one) for one in predictor.costs_ms.items())
    yield f"categories    {told}"
    never = sum(len(costs) - len(predictor.seen[one]) for one, costs in predictor.costs_ms.items())
    if never:
        yield f"              {never} of them were never measured: networks with one extrapolate"
    chosen = predictor.provenance.get("chosen")
    error = chosen.get("error") if isinstance(chosen, dict) else None
    if isinstance(chosen, dict) and isinstance(error, float):  # an older ofabench did not keep it
        yield f"base          {chosen.get('base')}; leave-one-out error: {error:.1%}"


def _counted(column: tuple[str, Any]) -> str:
    name, costs = column
    return f"{name} ({len(costs)})"
