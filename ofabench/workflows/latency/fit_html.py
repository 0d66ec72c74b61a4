"""Result of a fit as HTML tables, with the words of its text."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.notebook.html_table import facts_html, rows_html
from ofabench.workflows.latency.fit_text import (
    FORMS_TITLE,
    NETWORK,
    TOO_FEW,
    calibration_title,
    category_facts,
    composition_words,
    notes_of,
    tried_forms,
)

if TYPE_CHECKING:
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor
    from latency_models.regression.regression import Choice


def fit_html(title: str, model: "BlockPredictor | CategoryPredictor") -> str:
    """Return the result of a fit as tables: errors of all forms, the chosen ones marked by `*`."""
    from latency_models.networks.categories.predictor import CategoryPredictor

    if isinstance(model, CategoryPredictor):
        return facts_html(title, [*category_facts(model), *notes_of(model)])
    facts = [(NETWORK, composition_words(model)), *notes_of(model)]
    return facts_html(title, facts) + "".join(_tables(model))


def _tables(predictor: "BlockPredictor") -> Iterator[str]:
    """Errors of the forms of blocks, then of those of networks, as far as any were compared."""
    choices = predictor.choices
    if choices:
        names = tried_forms(choices)
        rows = (_cells(choice, names) for choice in choices)
        few = (f"{each.kind}: {TOO_FEW}: {each.form}*" for each in choices if not each.errors)
        yield rows_html(("kind", "rows", *names), rows, above=[FORMS_TITLE], below=few)
    chosen = predictor.composition_choice
    if chosen is not None:
        rows = ((name, _marked(error, name == chosen.form)) for name, error in chosen.errors)
        title = calibration_title(predictor, chosen.networks)
        yield rows_html(("form", "error"), rows, above=[title])


def _cells(choice: "Choice", names: Sequence[str]) -> tuple[str, ...]:
    errors = dict(choice.errors)
    cells = (_marked(errors[name], name == choice.form) if name in errors else "" for name in names)
    return choice.kind, str(choice.rows), *cells


def _marked(error: float, chosen: bool) -> str:
    return f"{error:.1%}{'*' if chosen else ''}"
