"""`EnergyPredictor`: energy of networks in mJ, in the form of a latency predictor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.blocks.spec import BlockSpec
from bench.protocol.target import Target
from latency_models.predictors.file import load_predictor, save_predictor
from latency_models.predictors.predictor import LatencyPredictor

WHAT = "energy predictor"
MILLIJOULES = "mJ"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPrediction:
    """Energy of one network in mJ with its standard deviation.

    `unmeasured` and `extrapolated` are blocks, as of a latency's `Prediction`.
    """

    mj: float
    std_mj: float
    unmeasured: tuple[BlockSpec, ...]
    extrapolated: tuple[BlockSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPredictor:
    """Predicts the energy of an inference on `target`, without the idle device's power.

    `costs` computes it: energies of blocks add up as latencies do, so it is a latency predictor
    whose milliseconds are millijoules.
    """

    costs: LatencyPredictor

    @property
    def target(self) -> Target:
        """The target of the predictions."""
        return self.costs.target

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Data, sensor, date and version of the fit, as JSON values."""
        return self.costs.provenance

    def predict(self, blocks: Sequence[BlockSpec]) -> EnergyPrediction:
        """Predict one network."""
        prediction = self.costs.predict(blocks)
        return EnergyPrediction(
            mj=prediction.ms,
            std_mj=prediction.std_ms,
            unmeasured=prediction.unmeasured,
            extrapolated=prediction.extrapolated,
        )

    def save(self, path: str | Path) -> None:
        """Write the predictor as one parquet table."""
        save_predictor(self.costs, Path(path), what=WHAT)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a predictor; `FileError` where the file is damaged or of another kind."""
        return cls(costs=LatencyPredictor(**load_predictor(Path(path), what=WHAT)))


def energy_key(target_key: str) -> str:
    """Return the name of a target's energy among limits and predictions."""
    return f"energy on {target_key}"
