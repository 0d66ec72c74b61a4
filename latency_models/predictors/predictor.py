"""`LatencyPredictor`: table entries where measured, regression elsewhere, calibrated."""

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
from latency_models.drift.provenance import kept_log, kept_mean
from latency_models.predictors.file import load_predictor, save_predictor
from latency_models.predictors.fitted import FittedPredictor
from latency_models.predictors.network_blocks import NetworkBlocks
from latency_models.regression.domain import Domain
from latency_models.regression.features import feature_matrix
from latency_models.regression.regression import Regression
from latency_models.tables.statistic import kept_statistic
from latency_models.tables.table import nearest

Floats = NDArray[np.float64]
Network = Sequence[BlockSpec]
QUANTITIES = ("warm", "cold")
POOLED = "*"  # the regression for kinds that were never measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Latency of one network, with its standard deviation.

    `per_block_ms` is what each block adds, the rest is overhead. Of the blocks, `unmeasured` have
    no table entry and come from a regression; `extrapolated` are those among them that are unlike
    anything the predictor was fitted on (see latency_models.regression.domain).
    """

    ms: float
    std_ms: float
    per_block_ms: tuple[float, ...]
    unmeasured: tuple[BlockSpec, ...]
    extrapolated: tuple[BlockSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPredictor(FittedPredictor):
    """What a network of `BlockSpec`s costs on `target`, in ms: predicts from what was fitted.

    Predictions are of the mean over measurement sessions, as far as `drift_log` knows them: they
    stand above what was measured in the sweep by the factor `drift_mean`. `statistic` says what of
    a network's samples they are: the median, or `p90`.
    """

    domain: Domain = field(init=False, repr=False, compare=False)
    drift_log: DriftLog | None = field(init=False, repr=False, compare=False)
    drift_mean: float = field(init=False, repr=False, compare=False)
    statistic: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", Domain.of([*self.known, *self.seen]))
        object.__setattr__(self, "drift_log", kept_log(self.provenance))
        object.__setattr__(self, "drift_mean", kept_mean(self.provenance))
        object.__setattr__(self, "statistic", kept_statistic(self.provenance))

    def predict(self, blocks: Network) -> Prediction:
        """Latency of one network, block by block."""
        return self.predict_each([blocks])[0]

    def predict_each(self, networks: Sequence[Network]) -> list[Prediction]:
        """Latency of each network, block by block; a block of several is costed once."""
        blocks = NetworkBlocks.of(networks)
        ms, std_ms, costs = self.predict_blocks(blocks)
        outside = {block for block in blocks.specs if block not in self.domain}
        return [
            Prediction(
                ms=of_one,
                std_ms=std_of_one,
                per_block_ms=tuple(per_block.tolist()),
                unmeasured=tuple(block for block in network if block not in self.known),
                extrapolated=tuple(block for block in network if block in outside),
            )
            for network, per_block, of_one, std_of_one in zip(
                networks, blocks.of_each(costs), ms.tolist(), std_ms.tolist(), strict=True
            )
        ]

    def predict_blocks(self, blocks: NetworkBlocks) -> tuple[Floats, Floats, Floats]:
        """Latencies and standard deviations in ms (n,), and what each of the blocks adds, in ms."""
        costs = self.block_ms(blocks.specs)
        ms = self.composition.link(blocks.sums(costs))
        variance = blocks.sums(self.block_variance(blocks.specs))
        return ms, self.composition.std_ms(ms, variance), costs

    def predict_many(self, networks: Sequence[Network]) -> Floats:
        """Latencies in ms, (n,)."""
        place: dict[BlockSpec, int] = {}
        for network in networks:
            for block in network:
                place.setdefault(block, len(place))
        costs = self.block_ms(list(place))
        totals = [costs[[place[block] for block in network]].sum() for network in networks]
        return self.composition.link(np.array(totals, dtype=np.float64))

    def block_ms(self, specs: Sequence[BlockSpec]) -> Floats:
        """What each block adds to a network, in ms, (n,); infinite where it could not run."""
        costs = self.composition.block_cost(*self.alone_ms(specs))
        costs = costs + self.correction.more_ms(specs, costs)
        told = np.array([self.inferred.get(spec, np.nan) for spec in specs], dtype=np.float64)
        costs = np.where(np.isnan(told), costs, told)
        return np.where(self.runs(specs), costs, np.inf)

    def runs(self, specs: Sequence[BlockSpec]) -> NDArray[np.bool_]:
        """Whether each block could run on the target, (n,)."""
        unrunnable = self.provenance.get("unrunnable", {})
        return np.array([f"block:{spec.key}" not in unrunnable for spec in specs], dtype=np.bool_)

    def block_variance(self, specs: Sequence[BlockSpec]) -> Floats:
        """Variance of what each block adds, in ms^2, (n,); 0 where it was measured.

        What measured blocks are uncertain by is in the composition's spread: networks that have
        them told it.
        """
        found = np.zeros(len(specs))
        unknown = [row for row, spec in enumerate(specs) if spec not in self.known]
        if not self.known:  # as of measured blocks: whole networks told all that is known of them
            unknown = [row for row in unknown if specs[row] not in self.inferred]
        for kind, rows in _by_kind(specs, unknown).items():
            some = [specs[row] for row in rows]
            spread = self._model(kind, "warm", some[0]).spread_of(feature_matrix(some))
            costs = self.block_ms(some)
            found[rows] = np.where(np.isfinite(costs), (spread * costs) ** 2, 0.0)
        return found

    def alone_ms(self, specs: Sequence[BlockSpec]) -> tuple[Floats, Floats]:
        """Warm and cold latency of each block by itself, in ms, both (n,)."""
        result = np.array([self.known.get(spec, (np.nan, np.nan)) for spec in specs])
        result = result.reshape(-1, 2)
        missing = np.flatnonzero(np.isnan(result).any(axis=1)).tolist()
        for kind, rows in _by_kind(specs, missing).items():
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
        """Write everything as one parquet table."""
        save_predictor(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a predictor; `FileError` where the file is damaged or something else."""
        return cls(**load_predictor(Path(path)))


def _by_kind(specs: Sequence[BlockSpec], rows: Sequence[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(specs[row].kind, []).append(row)
    return found


def network_key(network: Network) -> str:
    """Short name of a network: equal for equal blocks in equal order."""
    return content_digest("|".join(block.key for block in network))[:16]
