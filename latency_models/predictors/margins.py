"""The margin of a predictor's limits: its error, and the drift log in its file."""

from bench.errors import InputError
from latency_models.drift.limit_on import RAW
from latency_models.drift.margin import Margin
from latency_models.drift.model import DriftModel
from latency_models.predictors.predictor import LatencyPredictor


def margin_of(  # noqa: PLR0913 - what a margin is for, all but the predictor by name
    predictor: LatencyPredictor,
    confidence: float,
    *,
    horizon_s: float,
    limit_on: str = RAW,
    session_spread: float | None = None,
    selection: float = 0.0,
) -> Margin:
    """Return the margin of limits on a predictor's target; see `Margin` for the arguments.

    The predictor's error is Student's t with as many degrees of freedom as networks that it was
    fitted on less one; the normal's where their number is not known. `InputError` where it was
    fitted on no whole networks, so that it does not know its error.
    """
    chosen = predictor.composition_choice
    networks = 0 if chosen is None else chosen.networks
    if predictor.composition.spread == 0 and networks == 0:
        raise InputError(
            f"the latency predictor of {predictor.target.key} does not know how far it is off, so "
            "no confidence can be kept: fit it with `ofabench fit --networks`"
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
