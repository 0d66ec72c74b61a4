"""Result of a fit in a few lines of text."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from bench.timing.statistic import MEDIAN

if TYPE_CHECKING:
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor
    from latency_models.regression.regression import Choice

FORMS_TITLE = "blocks, mean cross-validation error of each form (* is chosen)"
TOO_FEW = "too few rows for cross-validation"
NETWORK = "network"


def fit_text(
    model: "BlockPredictor | CategoryPredictor",
    emphasise: Callable[[str], str] = str,
    unit: str = "ms",
) -> str:
    """Return the result of a fit as lines: errors of all forms, the chosen ones marked by `*`.

    Args:
        model: the predictor that was fitted.
        emphasise: makes the text of what was chosen stand out on a terminal.
        unit: of the predictor's costs, mj for an energy predictor's.
    """
    from latency_models.networks.categories.predictor import CategoryPredictor

    lines: Iterator[str]
    if isinstance(model, CategoryPredictor):
        lines = (f"{name:<13} {text}" for name, text in category_facts(model))
    else:
        lines = _of_blocks(model, emphasise, unit)
    return "\n".join(chain(lines, (f"{name:<13} {text}" for name, text in notes_of(model))))


def notes_of(model: "BlockPredictor | CategoryPredictor") -> Iterator[tuple[str, str]]:
    """Yield what a result of a fit says below its errors, with its name."""
    if model.statistic != MEDIAN:
        yield "statistic", f"{model.statistic} of each network's samples; blocks stay medians"


def _of_blocks(
    predictor: "BlockPredictor", emphasise: Callable[[str], str], unit: str
) -> Iterator[str]:
    if predictor.choices:
        yield from _forms(predictor.choices, emphasise)
    chosen = predictor.composition_choice
    if chosen is not None:
        yield calibration_title(predictor, chosen.networks)
        width = max(len(name) for name, _ in chosen.errors)
        for name, error in chosen.errors:
            row = f"  {name:<{width}}  {error:>6.1%}"
            yield emphasise(f"{row}*") if name == chosen.form else row
    yield f"{NETWORK:<13} {composition_words(predictor, unit)}"


def calibration_title(predictor: "BlockPredictor", networks: int) -> str:
    """Return the title of the errors of the forms of a network."""
    label = "calibration on" if predictor.known else "fit on"
    return f"{label} {networks} networks, mean leave-one-out error (* is chosen)"


def composition_words(predictor: "BlockPredictor", unit: str = "ms") -> str:
    """Return what makes a network of its blocks, in words; `unit` is of the predictor's costs."""
    items = predictor.composition.to_items().items()
    terms = ((name.replace("_ms", f"_{unit}"), value) for name, value in items)
    return ", ".join(f"{name} {value:.4g}" for name, value in terms)


def tried_forms(choices: "Sequence[Choice]") -> list[str]:
    """Return the names of the forms that were tried for some kind of block, in order."""
    from latency_models.regression.regression import FORMS

    tried = {name for choice in choices for name, _ in choice.errors}
    return [name for name in FORMS if name in tried]


def _forms(choices: "Sequence[Choice]", emphasise: Callable[[str], str]) -> Iterator[str]:
    """A row for each kind of block, with the cross-validation error of each form."""
    names = tried_forms(choices)
    yield FORMS_TITLE
    # A product's second factor stands below its first.
    factors = [name.partition("*") for name in names]
    yield f"{'kind':<13} {'rows':>5}" + "".join(f"{first:>9} " for first, _, _ in factors)
    if any(second for _, _, second in factors):
        yield f"{'':<19}" + "".join(f"{sign + second:>9} " for _, sign, second in factors).rstrip()
    for choice in choices:
        errors = dict(choice.errors)
        head = f"{choice.kind:<13} {choice.rows:>5}"
        if not errors:
            yield f"{head}  {TOO_FEW}: {emphasise(choice.form + '*')}"
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


def category_facts(predictor: "CategoryPredictor") -> Iterator[tuple[str, str]]:
    """Yield the categories of a predictor and how their costs were fitted, with names."""
    counts = ", ".join(_counted(column) for column in predictor.costs_ms.items())
    yield "categories", counts
    unmeasured = sum(
        len(costs) - len(predictor.seen[column]) for column, costs in predictor.costs_ms.items()
    )
    if unmeasured:
        note = "were never measured: networks with these are extrapolated"
        yield "", f"{unmeasured} of them {note}"
    chosen = predictor.provenance.get("chosen")
    error = chosen.get("error") if isinstance(chosen, dict) else None
    if isinstance(chosen, dict) and isinstance(error, float):  # older files have none
        yield "base", f"{chosen.get('base')}; leave-one-out error: {error:.1%}"


def _counted(column: tuple[str, Any]) -> str:
    name, costs = column
    return f"{name} ({len(costs)})"
