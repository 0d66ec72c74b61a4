"""`Evaluation`: predictions compared with measured networks, with baselines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.protocol.target import Target
from ofabench.workflows.latency.evaluation_text import evaluation_html, evaluation_text
from ofabench.workflows.latency.network_warnings import warn_of_implausible

if TYPE_CHECKING:
    import pandas as pd

    from bench.notebook.plot import Plot
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor
    from latency_models.tables.networks import NetworksTable
    from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Evaluation:
    """Errors of a predictor on held-out networks.

    Attributes:
        target: the target of the predictions.
        column: the column of measured latencies in the networks table.
        predicted_ms: latencies of the n networks, in ms, (n,).
        measured_ms: latencies of the same networks, in ms, (n,).
        half_width: half-widths of their 95 % intervals between replicates, relative, (n,); None if
            the table has none.
        choices: the choices of each network as codes, one row each.
        figures: every figure by name, as in `to_dict`.
    """

    target: Target
    column: str
    predicted_ms: Floats
    measured_ms: Floats
    half_width: Floats | None
    choices: "pd.DataFrame"
    figures: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.measured_ms)

    def __repr__(self) -> str:
        return evaluation_text(self.figures)

    def _repr_html_(self) -> str:
        return evaluation_html(self.figures)

    def plot(self) -> "Plot":
        """Return a chart of predicted against measured latencies, with the bands of 5 % and 10 %.

        Bars are the 95 % intervals of the measurements: no prediction can do better than these.
        Networks that cannot run on the target, of infinite latency, are left out.

        Raises:
            InputError: no network can run on the target.
            MissingRuntimeError: the extra `report` is not installed.
        """
        from bench.notebook.plot import Plot, check_charts

        check_charts()
        from bench.charts.latency import Pairs, predicted_against_measured

        runs = np.flatnonzero(np.isfinite(self.predicted_ms))
        if not len(runs):
            raise InputError(f"no network of the table can run on {self.target.key}")
        pairs = Pairs(
            measured_ms=self.measured_ms[runs],
            predicted_ms=self.predicted_ms[runs],
            words=[f"network {number}" for number in runs],
            extrapolated=[0] * len(runs),
            half_width=None if self.half_width is None else self.half_width[runs],
        )
        figure = predicted_against_measured({"networks": pairs})
        return Plot(figure, f"Predicted against measured, {self.target.key}")

    @property
    def within_5(self) -> float:
        """Fraction of the networks predicted within 5 % of the measurement."""
        return float(self.figures["within_5"])

    @property
    def within_10(self) -> float:
        """Fraction of the networks predicted within 10 % of the measurement."""
        return float(self.figures["within_10"])

    @property
    def mape(self) -> float:
        """Mean absolute error relative to the measured latency."""
        return float(self.figures["mape"])

    @property
    def bias(self) -> float:
        """Median ratio of predicted to measured latency, minus 1."""
        return float(self.figures["bias"])

    @property
    def spearman(self) -> float | None:
        """Spearman's rank correlation; None if all values are equal."""
        return _float_or_none(self.figures["spearman"])

    @property
    def kendall(self) -> float | None:
        """Kendall's rank correlation; None if all values are equal."""
        return _float_or_none(self.figures["kendall"])

    @property
    def frame(self) -> "pd.DataFrame":
        """The choices with the columns `measured_ms`, `predicted_ms` and `error` (relative)."""
        return self.choices.assign(
            measured_ms=self.measured_ms,
            predicted_ms=self.predicted_ms,
            error=self.predicted_ms / self.measured_ms - 1,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return figures, baselines (`best_constant`, ...) and repeatability as JSON values."""
        return dict(self.figures)


def evaluate_blocks(
    predictor: "LatencyPredictor", networks: "NetworksTable", column: str, space: "SearchSpace"
) -> Evaluation:
    """Evaluate a predictor of blocks on the held-out networks of a table.

    Implausible rows of the table are logged as warnings.
    """
    from latency_models.evaluation.evaluation import evaluate_predictor
    from ofabench.workflows.latency.networks import held_out_networks

    held_out = held_out_networks(networks, column, space, predictor)
    verdict = evaluate_predictor(predictor, space.choices, held_out.codes, held_out.measured)
    expected = {"the predictor": verdict.predicted_ms}
    warn_of_implausible(column, held_out.codes, held_out.measured.ms, expected)
    target = {
        "column": column,
        "target": predictor.target.key,
        "statistic": predictor.statistic,
    }
    return Evaluation(
        target=predictor.target,
        column=column,
        predicted_ms=verdict.predicted_ms,
        measured_ms=held_out.measured.ms,
        half_width=held_out.measured.spread,
        choices=space.frame_of(held_out.codes),
        figures={
            **target,
            **verdict.to_json(),
            "fitted_on": held_out.fitted,
            "all_fitted_on": held_out.fitted == len(networks),
        },
    )


def evaluate_categories(
    predictor: "CategoryPredictor", networks: "NetworksTable", column: str
) -> Evaluation:
    """Evaluate a predictor of categories, without MACs and drift, which are unknown for these.

    Implausible rows of the table are logged as warnings.
    """
    import pandas as pd

    from latency_models.evaluation.evaluate import best_constant, evaluate, repeatability
    from latency_models.networks.categories.predictor import codes_of

    measured = networks.latencies_ms(column, predictor.statistic)
    codes = codes_of(networks.frame, predictor.columns)
    predicted, spread = predictor.predict(codes), networks.spread(column)
    warn_of_implausible(column, codes, measured, {"the predictor": predicted})
    ceiling = None if spread is None else repeatability(spread)
    figures = {
        "column": column,
        "target": predictor.target.key,
        "statistic": predictor.statistic,
        **evaluate(predicted, measured).to_json(),
        "drift": None,
        "drift_corrected": None,
        "plain_sum": None,
        "best_constant": {**best_constant(measured).to_json(), "fitted_on": "judged networks"},
        "macs_alone": None,
        "repeatability": ceiling and ceiling.to_json(),
        "extrapolated": float(predictor.extrapolated(codes).mean()),
    }
    return Evaluation(
        target=predictor.target,
        column=column,
        predicted_ms=predicted,
        measured_ms=measured,
        half_width=spread,
        choices=pd.DataFrame(codes, columns=list(predictor.columns)),
        figures=figures,
    )


def _float_or_none(value: Any) -> float | None:
    return None if value is None else float(value)
