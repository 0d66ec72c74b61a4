"""Margin of limits on a predictor's target, from its error and the drift log in its file."""

from bench.errors import InputError
from latency_models.drift.limit_on import RAW
from latency_models.drift.margin import Margin
from latency_models.drift.model import DriftModel
from latency_models.predictors.predictor import LatencyPredictor


def margin_of(  # noqa: PLR0913 - the fields of a margin, by name
    predictor: LatencyPredictor,
    confidence: float,
    *,
    horizon_s: float,
    limit_on: str = RAW,
    session_spread: float | None = None,
    selection: float = 0.0,
) -> Margin:
    """Return the margin of limits on a predictor's target; `Margin` describes the arguments.

    The predictor's error follows Student's t; the degrees of freedom are the number of networks
    fitted on, minus 1. It is normal where that number is unknown. Raises `InputError` where the
    predictor was not fitted on whole networks, so that its error is unknown.
    """
    chosen = predictor.composition_choice
    networks = 0 if chosen is None else chosen.networks
    if predictor.composition.spread == 0 and networks == 0:
        raise InputError(
            f"the latency predictor of {predictor.target.key} has no estimate of its error, so "
            "a confidence cannot be met: fit it with `ofabench fit --networks`"
        )
    return Margin(
        confidence=confidence,
        model=DriftModel.of(predictor.drift_log),
        horizon_s=horizon_s,
        limit_on=limit_on,
        session_spread=session_spread,
        networks=networks,
        selection=selection,
    )
