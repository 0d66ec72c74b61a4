"""`Evaluation`: predicted against measured networks, with the baselines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.protocol.target import Target
from ofabench.workflows.latency.evaluation_text import evaluation_html, evaluation_words
from ofabench.workflows.latency.network_warnings import warn_of_networks

if TYPE_CHECKING:
    import pandas as pd

    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor
    from latency_models.tables.networks import NetworksTable
    from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Evaluation:
    """How well a predictor predicts networks that it was not fitted on.

    Attributes:
        target: what the predictor predicts for.
        column: the latencies of the networks table that were predicted.
        predicted_ms: of the n networks, in ms, (n,).
        measured_ms: of the same networks, in ms, (n,).
        choices: a row a network, its choices as codes.
        figures: every figure by name, as `to_dict` returns them.
    """

    target: Target
    column: str
    predicted_ms: Floats
    measured_ms: Floats
    choices: "pd.DataFrame"
    figures: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.measured_ms)

    def __repr__(self) -> str:
        return evaluation_words(self.figures)

    def _repr_html_(self) -> str:
        return evaluation_html(self.figures)

    @property
    def within_5(self) -> float:
        """Share of the networks predicted within 5 % of what was measured."""
        return float(self.figures["within_5"])

    @property
    def within_10(self) -> float:
        """Share of the networks predicted within 10 % of what was measured."""
        return float(self.figures["within_10"])

    @property
    def mape(self) -> float:
        """Mean absolute error over the measured latency."""
        return float(self.figures["mape"])

    @property
    def bias(self) -> float:
        """Median of predicted over measured, minus 1."""
        return float(self.figures["bias"])

    @property
    def spearman(self) -> float | None:
        """Rank correlation; None where all are alike."""
        return _float_or_none(self.figures["spearman"])

    @property
    def kendall(self) -> float | None:
        """Kendall's rank correlation; None where all are alike."""
        return _float_or_none(self.figures["kendall"])

    @property
    def frame(self) -> "pd.DataFrame":
        """The choices with the columns `measured_ms`, `predicted_ms` and `error`, relative."""
        return self.choices.assign(
            measured_ms=self.measured_ms,
            predicted_ms=self.predicted_ms,
            error=self.predicted_ms / self.measured_ms - 1,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, the baselines (`best_constant`, ...) and the noise as JSON values."""
        return dict(self.figures)


def evaluate_blocks(
    predictor: "LatencyPredictor", networks: "NetworksTable", column: str, space: "SearchSpace"
) -> Evaluation:
    """Evaluate a predictor of blocks on the networks of a space that it was not fitted on.

    What is suspicious in the table is logged as a warning.
    """
    from latency_models.evaluation.evaluation import judge
    from ofabench.workflows.latency.networks import judging

    on = judging(networks, column, space, predictor)
    verdict = judge(predictor, space.choices, on.codes, on.measured)
    expected = {"the predictor": verdict.predicted_ms}
    warn_of_networks(column, on.codes, on.measured.ms, expected)
    target = {
        "column": column,
        "target": predictor.target.key,
        "statistic": predictor.statistic,
    }
    return Evaluation(
        target=predictor.target,
        column=column,
        predicted_ms=verdict.predicted_ms,
        measured_ms=on.measured.ms,
        choices=space.frame_of(on.codes),
        figures={
            **target,
            **verdict.to_json(),
            "fitted_on": on.fitted,
            "all_fitted_on": on.fitted == len(networks),
        },
    )


def evaluate_categories(
    predictor: "CategoryPredictor", networks: "NetworksTable", column: str
) -> Evaluation:
    """Evaluate a predictor of categories; MACs of categories are not known, nor is drift.

    What is suspicious in the table is logged as a warning.
    """
    import pandas as pd

    from latency_models.evaluation.evaluate import best_constant, evaluate, repeatability
    from latency_models.networks.categories.predictor import codes_of

    measured = networks.latencies_ms(column, predictor.statistic)
    codes = codes_of(networks.frame, predictor.columns)
    predicted, spread = predictor.predict(codes), networks.spread(column)
    warn_of_networks(column, codes, measured, {"the predictor": predicted})
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
        choices=pd.DataFrame(codes, columns=list(predictor.columns)),
        figures=figures,
    )


def _float_or_none(value: Any) -> float | None:
    return None if value is None else float(value)
