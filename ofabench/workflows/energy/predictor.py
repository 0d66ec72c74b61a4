"""`EnergyPredictor`: predicts the energy of networks on one target; stored in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.protocol.target import Target
from ofabench.workflows.latency.predictor import LatencyPredictor

if TYPE_CHECKING:
    import pandas as pd

    from latency_models.predictors.energy import EnergyPredictor as BlockPredictor
    from supernet.space.arch import ArchConfig
    from supernet.space.space import SearchSpace

__all__ = ["EnergyPredictions", "EnergyPredictor", "load_energy_predictor"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnergyPredictions:
    """Predicted energies of n networks, without the idle device's power.

    Attributes:
        target: the target of the predictions.
        mj: energies of an inference in mJ, (n,).
        std_mj: their standard deviations in mJ, (n,).
        extrapolated: whether a network has a block outside of the measured range, (n,).
        frame: choices and figures, a row for each network.
    """

    target: Target
    mj: NDArray[np.float64]
    std_mj: NDArray[np.float64]
    extrapolated: NDArray[np.bool_]
    frame: "pd.DataFrame"

    def __len__(self) -> int:
        return len(self.mj)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EnergyPredictor:
    """Predictor of the energy of an inference on one target; it knows its space.

    `fit_energy` and `load_energy_predictor` return one. It is `energy_limit`'s argument.

    Attributes:
        block_predictor: the wrapped predictor of blocks.
        known_space: the space of its networks; None if it does not know it.
    """

    block_predictor: "BlockPredictor"
    known_space: "SearchSpace | None" = None

    @property
    def target(self) -> Target:
        """The target of the predictions."""
        return self.block_predictor.target

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Data, sensor, date and version of the fit, as JSON values."""
        return self.block_predictor.provenance

    @property
    def space(self) -> "SearchSpace | None":
        """The space of its networks; None if it does not know it."""
        return self._costs().space

    def predict(
        self, networks: "ArchConfig | Sequence[ArchConfig] | NDArray[Any] | pd.DataFrame"
    ) -> EnergyPredictions:
        """Return the energies of networks.

        Args:
            networks: an `ArchConfig` of `space`, several, whole numbers (n, columns) as
                `space.encode` gives them, or a pandas DataFrame with the space's columns.

        Returns:
            Energies and standard deviations in mJ, (n,).

        Raises:
            InputError: the networks are of another type, shape or space, or there is none.
        """
        costs = self._costs().predict(networks)
        frame = costs.choices.assign(
            energy_mj=costs.ms, std_mj=costs.std_ms, extrapolated=costs.extrapolated
        )
        return EnergyPredictions(
            target=costs.target,
            mj=costs.ms,
            std_mj=costs.std_ms,
            extrapolated=costs.extrapolated,
            frame=frame,
        )

    def save(self, path: str | Path) -> None:
        """Write one parquet file, with target and space."""
        self.block_predictor.save(path)

    def to_dict(self) -> dict[str, Any]:
        """Return target, space and provenance as JSON values."""
        space = self.space
        return {
            "target": self.target.to_json(),
            "space": None if space is None else space.name,
            "provenance": dict(self.provenance),
        }

    def _costs(self) -> LatencyPredictor:
        return LatencyPredictor.of(
            self.block_predictor.costs, self.known_space, description="the energy predictor"
        )

    def __repr__(self) -> str:
        space = self.space
        name = "not known" if space is None else space.name
        return f"EnergyPredictor of {self.target.key}: space {name}"


def load_energy_predictor(path: str | Path) -> EnergyPredictor:
    """Return the energy predictor in a file of `ofabench fit --energy`.

    Args:
        path: the file.

    Raises:
        FileError: the file cannot be read, or holds something else.

    Example:
        >>> load_energy_predictor("absent.parquet")
        Traceback (most recent call last):
        bench.errors.FileError: cannot read absent.parquet: No such file or directory
    """
    from latency_models.predictors.energy import EnergyPredictor as BlockPredictor

    return EnergyPredictor(BlockPredictor.load(Path(path)))
