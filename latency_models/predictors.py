"""`LatencyPredictor`: exact table entries where there are any, regression elsewhere, composed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError, MissingEntryError, TargetMismatchError
from bench.spec import BlockSpec, Target
from latency_models.compose import Composition, CompositionChoice, fit_composition, fit_robust
from latency_models.evaluate import macs_line
from latency_models.features import PHYSICAL, feature_matrix
from latency_models.regression import Choice, Regression, fit_form, fit_kind, fit_pooled, rows_of
from latency_models.storage import origin
from latency_models.table import LatencyTable, nearest

Floats = NDArray[np.float64]
Network = Sequence[BlockSpec]
QUANTITIES = ("warm", "cold")
POOLED = "*"  # the regression for kinds that were never measured
_SEED = 0


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
    them those of the kind `*`. `choices` and `composition_choice` say how the forms were chosen.
    """

    target: Target
    provenance: Mapping[str, Any]
    known: Mapping[BlockSpec, tuple[float, float]]
    models: Mapping[tuple[str, str], Regression]
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
        """What each block adds to a network, in ms, (n,)."""
        return self.composition.block_cost(*self.alone_ms(specs))

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


def fit_predictor(
    table: LatencyTable | None,
    networks: Sequence[Network] | None = None,
    measured_ms: Floats | None = None,
    *,
    target: Target | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> LatencyPredictor:
    """Fit blocks on a table, their composition on whole networks, or all on networks alone.

    `target` is that of the networks: needed without a table, and compared with the table's
    (`TargetMismatchError`). `InputError` where there is nothing to fit, or a latency is not
    a number above 0.
    """
    if (networks is None) != (measured_ms is None):
        raise InputError("networks and their measured latencies go together, got one of them")
    if networks is not None and measured_ms is not None:
        _check_networks(networks, measured_ms)
    told = dict(provenance or {})
    if networks is not None and measured_ms is not None:
        macs = np.array([float(sum(block.macs for block in network)) for network in networks])
        told["macs_line"] = macs_line(macs, measured_ms)  # a baseline for `judge`
    if table is None:
        if networks is None or measured_ms is None or target is None:
            raise InputError("nothing to fit: give a latency table, or networks with a target")
        return _fit_on_networks(networks, measured_ms, target, told)
    if target is not None and target != table.target:
        raise TargetMismatchError(
            f"the table is of {table.target.key}, the networks of {target.key}; "
            "fit on figures of one target"
        )
    return _fit_on_table(table, networks, measured_ms, told)


def _fit_on_table(
    table: LatencyTable,
    networks: Sequence[Network] | None,
    measured_ms: Floats | None,
    provenance: Mapping[str, Any],
) -> LatencyPredictor:
    warm = table.rows["latency_ms"].to_numpy(dtype=np.float64)
    cold = table.rows["cold_ms"].to_numpy(dtype=np.float64)
    # A source that knows no cold figures gets cold = warm: composition then finds no difference.
    cold = np.where(np.isnan(cold), warm, cold)
    models: dict[tuple[str, str], Regression] = {}
    choices: list[Choice] = []
    matrix = feature_matrix(table.specs)
    for kind in sorted({spec.kind for spec in table.specs}):
        models[kind, "warm"], choice = fit_kind(kind, table.specs, warm, _SEED)
        # What suits the warm figures suits the cold ones; to judge both would take twice as long.
        models[kind, "cold"] = fit_form(choice.form, rows_of(kind, table.specs, cold), _SEED)
        choices.append(choice)
    models[POOLED, "warm"], models[POOLED, "cold"] = (
        fit_pooled(matrix, warm),
        fit_pooled(matrix, cold),
    )
    blocks = LatencyPredictor(
        target=table.target,
        provenance={**table.provenance, "fitted": origin(), **provenance},
        known=dict(zip(table.specs, zip(warm.tolist(), cold.tolist(), strict=True), strict=True)),
        models=models,
        choices=tuple(choices),
    )
    if networks is None or measured_ms is None:
        return blocks
    return with_composition(blocks, networks, measured_ms)


def with_composition(
    blocks: LatencyPredictor, networks: Sequence[Network], measured_ms: Floats
) -> LatencyPredictor:
    """Return the same blocks, composed as these measured networks say."""
    from dataclasses import replace

    pairs = [blocks.alone_ms(network) for network in networks]
    composition, choice = fit_composition(
        [warm for warm, _ in pairs], [cold for _, cold in pairs], measured_ms
    )
    return replace(blocks, composition=composition, composition_choice=choice)


def _fit_on_networks(
    networks: Sequence[Network],
    measured_ms: Floats,
    target: Target,
    provenance: Mapping[str, Any],
) -> LatencyPredictor:
    """Fit non-negative costs of physical features, summed over each network, and an overhead."""
    sums = network_features(networks)
    found = fit_robust(np.column_stack([sums, np.ones(len(sums))]), measured_ms)
    model = Regression(coefficients=found[:-1])
    return LatencyPredictor(
        target=target,
        provenance={"fitted": origin(), **provenance},
        known={},
        models={(POOLED, quantity): model for quantity in QUANTITIES},
        composition=Composition(overhead_ms=float(found[-1])),
    )


def network_features(networks: Sequence[Network]) -> Floats:
    """Physical features summed over each network's blocks, (n, features)."""
    return np.array([feature_matrix(network, PHYSICAL).sum(axis=0) for network in networks])


def _check_networks(networks: Sequence[Network], measured_ms: Floats) -> None:
    if len(networks) != len(measured_ms) or not len(networks):
        raise InputError(
            f"got {len(networks)} networks and {len(measured_ms)} latencies, expected as many "
            "of each and at least one"
        )
    bad = np.flatnonzero(~(np.isfinite(measured_ms) & (measured_ms > 0)))
    if len(bad):
        raise InputError(
            f"measured latency of network {bad[0]} is {measured_ms[bad[0]]}, "
            "expected ms above 0: leave the row out"
        )
