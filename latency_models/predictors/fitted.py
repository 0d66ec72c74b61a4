"""`FittedPredictor`: the fields of a latency predictor, which its file holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.blocks.spec import BlockSpec
from bench.protocol.target import Target
from latency_models.networks.correction import Correction
from latency_models.networks.network_calibration import CalibrationChoice, NetworkCalibration
from latency_models.regression.regression import Choice, Regression


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedPredictor:
    """Fitted parameters for `target`; `LatencyPredictor` predicts from them.

    `known` holds measured (warm, cold) latencies of blocks in ms. `models` holds the regressions by
    (kind, quantity), including those of the kind `*`. `inferred` holds costs of blocks inside a
    network in ms, where a fit on whole networks inferred them. `seen` lists the blocks of the
    networks of a fit on networks alone. `fitted` holds the latencies in ms of the networks fitted
    on, by `network_key`. `choices` and `composition_choice` describe how the forms were chosen.
    """

    target: Target
    provenance: Mapping[str, Any]
    known: Mapping[BlockSpec, tuple[float, float]]
    models: Mapping[tuple[str, str], Regression]
    inferred: Mapping[BlockSpec, float] = field(default_factory=dict)
    seen: tuple[BlockSpec, ...] = ()
    fitted: Mapping[str, float] = field(default_factory=dict)
    composition: NetworkCalibration = field(default_factory=NetworkCalibration)
    correction: Correction = field(default_factory=Correction)
    choices: tuple[Choice, ...] = ()
    composition_choice: CalibrationChoice | None = None
