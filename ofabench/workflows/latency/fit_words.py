"""What a fit chose, in lines."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from bench.timing.statistic import MEDIAN

if TYPE_CHECKING:
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor


def fit_words(model: "BlockPredictor | CategoryPredictor") -> str:
    """Return what was chosen when a predictor was fitted, with the errors left out, in lines."""
    from latency_models.networks.categories.predictor import CategoryPredictor

    lines = _of_categories(model) if isinstance(model, CategoryPredictor) else _of_blocks(model)
    if model.statistic != MEDIAN:
        note = f"statistic     {model.statistic} of each network's samples; blocks stay medians"
        lines = chain(lines, [note])
    return "\n".join(lines)


def _of_blocks(predictor: "BlockPredictor") -> Iterator[str]:
    if predictor.choices:
        yield "kind          rows  form          mean error of rows left out, by form"
    for choice in predictor.choices:
        errors = ", ".join(f"{name} {error:.1%}" for name, error in choice.errors)
        told = errors or "too few rows to judge"
        yield f"{choice.kind:<13} {choice.rows:>4}  {choice.form:<13} {told}"
    chosen = predictor.composition_choice
    if chosen is not None:
        errors = ", ".join(f"{name}: {error:.1%}" for name, error in chosen.errors)
        what = "composition " if predictor.known else "base        "
        yield f"{what}  {chosen.networks:>4}  {chosen.form}; mean error when left out: {errors}"
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
        yield f"base          {chosen.get('base')}; mean error when left out: {error:.1%}"


def _counted(column: tuple[str, Any]) -> str:
    name, costs = column
    return f"{name} ({len(costs)})"
