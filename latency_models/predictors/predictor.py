"""`LatencyPredictor`: table entries where measured, regression elsewhere, then calibration."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.digests import content_digest
from bench.drift.log import DriftLog
from bench.errors import MissingEntryError
from latency_models.drift.provenance import drift_log_of, drift_mean_of
from latency_models.predictors.file import load_predictor, save_predictor
from latency_models.predictors.fitted import FittedPredictor
from latency_models.predictors.network_blocks import NetworkBlocks
from latency_models.regression.domain import Domain
from latency_models.regression.features import feature_matrix
from latency_models.regression.regression import Regression
from latency_models.tables.statistic import statistic_of
from latency_models.tables.table import nearest

Floats = NDArray[np.float64]
Network = Sequence[BlockSpec]
QUANTITIES = ("warm", "cold")
POOLED = "*"  # the regression for kinds of blocks that were not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Latency of one network, with its standard deviation.

    `per_block_ms` is the contribution of each block; the remainder is overhead. The blocks
    `unmeasured` have no table entry and come from a regression; those in `extrapolated` are also
    outside the domain that the predictor was fitted on (see latency_models.regression.domain).
    """

    ms: float
    std_ms: float
    per_block_ms: tuple[float, ...]
    unmeasured: tuple[BlockSpec, ...]
    extrapolated: tuple[BlockSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPredictor(FittedPredictor):
    """Predicts the latency in ms of networks of `BlockSpec`s on `target`.

    Predictions apply to the mean over the measurement sessions in `drift_log`: they exceed the
    latencies of the sweep by the factor `drift_mean`. `statistic` is the predicted statistic of a
    network's samples: the median, or `p90`.
    """

    domain: Domain = field(init=False, repr=False, compare=False)
    drift_log: DriftLog | None = field(init=False, repr=False, compare=False)
    drift_mean: float = field(init=False, repr=False, compare=False)
    statistic: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", Domain.of([*self.known, *self.seen]))
        object.__setattr__(self, "drift_log", drift_log_of(self.provenance))
        object.__setattr__(self, "drift_mean", drift_mean_of(self.provenance))
        object.__setattr__(self, "statistic", statistic_of(self.provenance))

    def predict(self, blocks: Network) -> Prediction:
        """Predict one network."""
        return self.predict_each([blocks])[0]

    def predict_each(self, networks: Sequence[Network]) -> list[Prediction]:
        """Predict each network; a block that several networks share is computed once."""
        blocks = NetworkBlocks.of(networks)
        ms, std_ms, costs = self.predict_blocks(blocks)
        outside = {block for block in blocks.specs if block not in self.domain}
        return [
            Prediction(
                ms=network_ms,
                std_ms=network_std_ms,
                per_block_ms=tuple(per_block.tolist()),
                unmeasured=tuple(block for block in network if block not in self.known),
                extrapolated=tuple(block for block in network if block in outside),
            )
            for network, per_block, network_ms, network_std_ms in zip(
                networks, blocks.of_each(costs), ms.tolist(), std_ms.tolist(), strict=True
            )
        ]

    def predict_blocks(self, blocks: NetworkBlocks) -> tuple[Floats, Floats, Floats]:
        """Return latencies and standard deviations in ms (n,), and block costs in ms (specs,)."""
        costs = self.block_ms(blocks.specs)
        ms = self.composition.link(blocks.sums(costs))
        variance = blocks.sums(self.block_variance(blocks.specs))
        return ms, self.composition.std_ms(ms, variance), costs

    def predict_many(self, networks: Sequence[Network]) -> Floats:
        """Return the latencies of networks in ms, (n,)."""
        index: dict[BlockSpec, int] = {}
        for network in networks:
            for block in network:
                index.setdefault(block, len(index))
        costs = self.block_ms(list(index))
        totals = [costs[[index[block] for block in network]].sum() for network in networks]
        return self.composition.link(np.array(totals, dtype=np.float64))

    def block_ms(self, specs: Sequence[BlockSpec]) -> Floats:
        """Return each block's cost inside a network in ms, (n,); infinite where it cannot run."""
        costs = self.composition.block_cost(*self.alone_ms(specs))
        costs = costs + self.correction.more_ms(specs, costs)
        inferred = np.array([self.inferred.get(spec, np.nan) for spec in specs], dtype=np.float64)
        costs = np.where(np.isnan(inferred), costs, inferred)
        return np.where(self.runs(specs), costs, np.inf)

    def runs(self, specs: Sequence[BlockSpec]) -> NDArray[np.bool_]:
        """Return whether each block can run on the target, (n,)."""
        unrunnable = self.provenance.get("unrunnable", {})
        return np.array([f"block:{spec.key}" not in unrunnable for spec in specs], dtype=np.bool_)

    def block_variance(self, specs: Sequence[BlockSpec]) -> Floats:
        """Return the variance of each block's cost in ms^2, (n,); 0 where it was measured.

        The uncertainty of measured blocks is part of the calibration's spread, which is estimated
        on networks.
        """
        variance = np.zeros(len(specs))
        unknown = [row for row, spec in enumerate(specs) if spec not in self.known]
        if (
            not self.known
        ):  # inferred from whole networks: covered by the spread, as measured blocks are
            unknown = [row for row in unknown if specs[row] not in self.inferred]
        for kind, rows in _rows_by_kind(specs, unknown).items():
            blocks = [specs[row] for row in rows]
            spread = self._model(kind, "warm", blocks[0]).spread_of(feature_matrix(blocks))
            costs = self.block_ms(blocks)
            variance[rows] = np.where(np.isfinite(costs), (spread * costs) ** 2, 0.0)
        return variance

    def alone_ms(self, specs: Sequence[BlockSpec]) -> tuple[Floats, Floats]:
        """Return the warm and cold latency of each block by itself, in ms, both (n,)."""
        result = np.array([self.known.get(spec, (np.nan, np.nan)) for spec in specs])
        result = result.reshape(-1, 2)
        missing = np.flatnonzero(np.isnan(result).any(axis=1)).tolist()
        for kind, rows in _rows_by_kind(specs, missing).items():
            matrix = feature_matrix([specs[row] for row in rows])
            for column, quantity in enumerate(QUANTITIES):
                filled = self._model(kind, quantity, specs[rows[0]]).predict(matrix)
                known = result[rows, column]
                result[rows, column] = np.where(np.isnan(known), filled, known)
        return result[:, 0], result[:, 1]

    def _model(self, kind: str, quantity: str, spec: BlockSpec) -> Regression:
        model = self.models.get((kind, quantity)) or self.models.get((POOLED, quantity))
        if model is None:
            raise MissingEntryError(
                f"the predictor of {self.target.key} knows neither {spec.key} nor a regression "
                f"for it; the nearest is {nearest(list(self.known), spec)}; fit it on a table "
                "with `ofabench fit`"
            )
        return model

    def save(self, path: str | Path) -> None:
        """Write the predictor as one parquet table."""
        save_predictor(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a predictor; `FileError` where the file is damaged or of another kind."""
        return cls(**load_predictor(Path(path)))


def _rows_by_kind(specs: Sequence[BlockSpec], rows: Sequence[int]) -> dict[str, list[int]]:
    by_kind: dict[str, list[int]] = {}
    for row in rows:
        by_kind.setdefault(specs[row].kind, []).append(row)
    return by_kind


def network_key(network: Network) -> str:
    """Return a short identifier of a network: equal for equal blocks in equal order."""
    return content_digest("|".join(block.key for block in network))[:16]
