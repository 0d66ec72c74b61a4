"""Result of a fit in a few lines of text."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from bench.timing.statistic import MEDIAN

if TYPE_CHECKING:
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor
    from latency_models.regression.regression import Choice


def fit_text(
    model: "BlockPredictor | CategoryPredictor", emphasise: Callable[[str], str] = str
) -> str:
    """Return the result of a fit as lines: errors of all forms, the chosen ones marked by `*`.

    Args:
        model: the predictor that was fitted.
        emphasise: makes the text of what was chosen stand out on a terminal.
    """
    from latency_models.networks.categories.predictor import CategoryPredictor

    if isinstance(model, CategoryPredictor):
        lines = _of_categories(model)
    else:
        lines = _of_blocks(model, emphasise)
    if model.statistic != MEDIAN:
        note = f"statistic     {model.statistic} of each network's samples; blocks stay medians"
        lines = chain(lines, [note])
    return "\n".join(lines)


def _of_blocks(predictor: "BlockPredictor", emphasise: Callable[[str], str]) -> Iterator[str]:
    if predictor.choices:
        yield from _forms(predictor.choices, emphasise)
    chosen = predictor.composition_choice
    if chosen is not None:
        label = "calibration on" if predictor.known else "fit on"
        yield f"{label} {chosen.networks} networks, mean leave-one-out error (* is chosen)"
        width = max(len(name) for name, _ in chosen.errors)
        for name, error in chosen.errors:
            row = f"  {name:<{width}}  {error:>6.1%}"
            yield emphasise(f"{row}*") if name == chosen.form else row
    items = predictor.composition.to_items().items()
    yield "network       " + ", ".join(f"{name} {value:.4g}" for name, value in items)


def _forms(choices: "Sequence[Choice]", emphasise: Callable[[str], str]) -> Iterator[str]:
    """A row for each kind of block, with the cross-validation error of each form."""
    from latency_models.regression.regression import FORMS

    tried = {name for choice in choices for name, _ in choice.errors}
    names = [name for name in FORMS if name in tried]
    yield "blocks, mean cross-validation error of each form (* is chosen)"
    # A product's second factor stands below its first.
    factors = [name.partition("*") for name in names]
    yield f"{'kind':<13} {'rows':>5}" + "".join(f"{first:>9} " for first, _, _ in factors)
    if any(second for _, _, second in factors):
        yield f"{'':<19}" + "".join(f"{sign + second:>9} " for _, sign, second in factors).rstrip()
    for choice in choices:
        errors = dict(choice.errors)
        head = f"{choice.kind:<13} {choice.rows:>5}"
        if not errors:
            yield f"{head}  too few rows for cross-validation: {emphasise(choice.form + '*')}"
            continue
        cells = (
            " " * 10
            if name not in errors
            else emphasise(f"{errors[name]:>9.1%}*")
            if name == choice.form
            else f"{errors[name]:>9.1%} "
            for name in names
        )
        yield (head + "".join(cells)).rstrip()


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
