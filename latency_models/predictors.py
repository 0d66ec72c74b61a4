"""`LatencyPredictor`: exact table entries where there are any, regression elsewhere, composed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import MissingEntryError
from bench.spec import BlockSpec, Target
from latency_models.compose import Composition, CompositionChoice
from latency_models.features import feature_matrix
from latency_models.regression import Choice, Regression
from latency_models.table import nearest

Floats = NDArray[np.float64]
Network = Sequence[BlockSpec]
QUANTITIES = ("warm", "cold")
POOLED = "*"  # the regression for kinds that were never measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Latency of one network; `per_block_ms` is what each block adds, the rest is overhead."""

    ms: float
    per_block_ms: tuple[float, ...]
    extrapolated: tuple[BlockSpec, ...]  # blocks without a table entry: from the regression


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPredictor:
    """What a network of `BlockSpec`s costs on `target`, in ms.

    `known` holds measured (warm, cold) ms; `models` the regressions by (kind, quantity), among
    them those of the kind `*`; `inferred` what blocks cost inside a network, ms, where whole
    networks alone told it. `choices` and `composition_choice` say how the forms were chosen.
    """

    target: Target
    provenance: Mapping[str, Any]
    known: Mapping[BlockSpec, tuple[float, float]]
    models: Mapping[tuple[str, str], Regression]
    inferred: Mapping[BlockSpec, float] = field(default_factory=dict)
    composition: Composition = field(default_factory=Composition)
    choices: tuple[Choice, ...] = ()
    composition_choice: CompositionChoice | None = None

    def predict(self, blocks: Network) -> Prediction:
        """Latency of one network, block by block."""
        costs = self.block_ms(blocks)
        return Prediction(
            ms=float(self.composition.link(np.array([costs.sum()]))[0]),
            per_block_ms=tuple(costs.tolist()),
            extrapolated=tuple(block for block in blocks if block not in self.known),
        )

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
        told = np.array([self.inferred.get(spec, np.nan) for spec in specs], dtype=np.float64)
        costs = np.where(np.isnan(told), costs, told)
        unrunnable = self.provenance.get("unrunnable", {})
        return np.where([f"block:{spec.key}" in unrunnable for spec in specs], np.inf, costs)

    def alone_ms(self, specs: Sequence[BlockSpec]) -> tuple[Floats, Floats]:
        """Warm and cold latency of each block by itself, in ms, both (n,)."""
        result = np.array([self.known.get(spec, (np.nan, np.nan)) for spec in specs])
        result = result.reshape(-1, 2)
        by_kind: dict[str, list[int]] = {}
        for row in np.flatnonzero(np.isnan(result).any(axis=1)).tolist():
            by_kind.setdefault(specs[row].kind, []).append(row)
        for kind, rows in by_kind.items():
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

    def save(self, path: Path) -> None:
        """Write everything as one parquet table."""
        from latency_models.predictor_file import save_predictor

        save_predictor(self, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a predictor; `FileError` where the file is damaged or something else."""
        from latency_models.predictor_file import load_predictor

        return cls(**load_predictor(path))
