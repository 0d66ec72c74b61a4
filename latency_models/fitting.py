"""Fit a `LatencyPredictor` on a latency table, on whole networks, or on both."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.errors import InputError, TargetMismatchError
from bench.protocol.progress import NoProgress, Progress
from bench.protocol.target import Target
from latency_models.drift.model import DriftModel
from latency_models.drift.provenance import DRIFT_MEAN, drift_log_of
from latency_models.evaluation.evaluate import macs_line
from latency_models.networks.correction import fit_correction
from latency_models.networks.few_shot import all_blocks, fit_few
from latency_models.networks.network_calibration import (
    CalibrationChoice,
    NetworkCalibration,
    fit_calibration,
    spread_of,
)
from latency_models.predictors.predictor import (
    POOLED,
    QUANTITIES,
    Floats,
    LatencyPredictor,
    Network,
    network_key,
)
from latency_models.regression.features import feature_matrix
from latency_models.regression.regression import (
    Choice,
    Regression,
    fit_form,
    fit_kind,
    fit_pooled,
    forms_for,
    rows_of,
)
from latency_models.tables.storage import origin
from latency_models.tables.table import LatencyTable

_SEED = 0
LEAST_TO_BLEND = 8  # networks needed for a blend with the few-shot fit


def fit_predictor(  # noqa: PLR0913
    table: LatencyTable | None,
    networks: Sequence[Network] | None = None,
    measured_ms: Floats | None = None,
    *,
    target: Target | None = None,
    provenance: Mapping[str, Any] | None = None,
    blocks: Sequence[BlockSpec] = (),
    priors: Mapping[str, LatencyPredictor] | None = None,
    progress: Progress | None = None,
) -> LatencyPredictor:
    """Fit blocks on a table, the network calibration on networks, or all on networks alone.

    On networks alone, costs are also inferred for `blocks`, those of the space, and predictors of
    other devices may be `priors`, by name. `target` is that of the networks: needed without a
    table, and compared with the table's (`TargetMismatchError`). Where the provenance has a drift
    log, all latencies are fitted at the mean over its sessions. `progress` is shown each form that
    is tried. `InputError` where there is
    nothing to fit, or a latency is not a number above 0.
    """
    if (networks is None) != (measured_ms is None):
        raise InputError("networks and their measured latencies go together, got one of them")
    if networks is not None and measured_ms is not None:
        _check_networks(networks, measured_ms)
    facts, shown = dict(provenance or {}), progress or NoProgress()
    mean = _drift_mean({**({} if table is None else table.provenance), **facts})
    if mean != 1.0:
        facts[DRIFT_MEAN] = mean
        measured_ms = None if measured_ms is None else measured_ms * mean
    if networks is not None and measured_ms is not None:
        macs = np.array([float(sum(block.macs for block in network)) for network in networks])
        facts["macs_line"] = macs_line(macs, measured_ms)  # a baseline for `evaluate_predictor`
    if table is None:
        if networks is None or measured_ms is None or target is None:
            raise InputError("nothing to fit: give a latency table, or networks with a target")
        return _fit_on_networks(networks, measured_ms, target, facts, blocks, priors or {}, shown)
    if priors:
        raise InputError("priors are for fits on whole networks alone: give no table")
    if target is not None and target != table.target:
        raise TargetMismatchError(
            f"the table is of {table.target.key}, the networks of {target.key}; "
            "fit on figures of one target"
        )
    return _fit_on_table(table, networks, measured_ms, facts, blocks, mean, shown)


def _drift_mean(provenance: Mapping[str, Any]) -> float:
    """Return the mean latency over sessions relative to the sweep; 1 without a drift log."""
    log = drift_log_of(provenance)
    return 1.0 if log is None else float(np.exp(DriftModel.of(log).log_mean))


def _fit_on_table(  # noqa: PLR0913, PLR0917
    table: LatencyTable,
    networks: Sequence[Network] | None,
    measured_ms: Floats | None,
    provenance: Mapping[str, Any],
    space_blocks: Sequence[BlockSpec],
    drift_mean: float,
    progress: Progress,
) -> LatencyPredictor:
    warm = drift_mean * table.rows["latency_ms"].to_numpy(dtype=np.float64)
    cold = drift_mean * table.rows["cold_ms"].to_numpy(dtype=np.float64)
    # A source without cold figures gets cold = warm: calibration then finds no difference.
    cold = np.where(np.isnan(cold), warm, cold)
    models: dict[tuple[str, str], Regression] = {}
    choices: list[Choice] = []
    matrix = feature_matrix(table.specs)
    rows = Counter(spec.kind for spec in table.specs)
    if forms := sum(len(forms_for(count)) for count in rows.values()):
        progress.start(forms, "fitting blocks")
    for kind in sorted(rows):
        models[kind, "warm"], choice = fit_kind(kind, table.specs, warm, _SEED, progress)
        # The form chosen for warm figures is used for cold ones: choosing both would take twice as
        # long.
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
    return with_composition(blocks, networks, measured_ms, space_blocks, progress)


def with_composition(
    blocks: LatencyPredictor,
    networks: Sequence[Network],
    measured_ms: Floats,
    space_blocks: Sequence[BlockSpec] = (),
    progress: Progress | None = None,
) -> LatencyPredictor:
    """Return the predictor of the same blocks, calibrated on measured networks.

    The calibration is either `NetworkCalibration` with a correction, or a few-shot fit of the
    networks with the blocks' latencies as priors, whichever has the lower leave-one-out error.
    """
    composed = _by_terms(blocks, networks, measured_ms)
    composed = replace(composed, fitted=_by_key(networks, measured_ms))
    choice = composed.composition_choice
    assert choice is not None
    if len(networks) < LEAST_TO_BLEND:
        return composed
    candidates = all_blocks(networks, [*space_blocks, *blocks.known])
    specs = [spec for spec, runs in zip(candidates, blocks.runs(candidates), strict=True) if runs]
    warm, cold = blocks.alone_ms(specs)
    costs = {"warm blocks": warm, "cold blocks": cold}
    few_shot = fit_few(networks, measured_ms, specs, costs, progress)
    error = dict(few_shot.errors)[few_shot.base]
    errors = (*choice.errors, (f"blend, {few_shot.base}", error))
    if error >= dict(choice.errors)[choice.form]:
        return replace(composed, composition_choice=replace(choice, errors=errors))
    return replace(
        composed,
        inferred=few_shot.costs_ms,
        composition=replace(
            composed.composition, overhead_ms=few_shot.overhead_ms, spread=spread_of(error)
        ),
        composition_choice=replace(choice, form=errors[-1][0], errors=errors),
    )


def _by_terms(
    blocks: LatencyPredictor, networks: Sequence[Network], measured_ms: Floats
) -> LatencyPredictor:
    pairs = [blocks.alone_ms(network) for network in networks]
    composition, choice = fit_calibration(
        [warm for warm, _ in pairs], [cold for _, cold in pairs], measured_ms
    )
    costs = [composition.block_cost(warm, cold) for warm, cold in pairs]
    correction, left_out = fit_correction(networks, costs, composition.overhead_ms, measured_ms)
    if left_out is not None:
        error = float(np.mean(np.abs(left_out)))
        composition = replace(composition, spread=spread_of(error))
        choice = replace(
            choice,
            form=f"{choice.form}, by work",
            errors=(*choice.errors, (f"{choice.form}, by work", error)),
        )
    return replace(
        blocks, composition=composition, correction=correction, composition_choice=choice
    )


def _fit_on_networks(  # noqa: PLR0913, PLR0917
    networks: Sequence[Network],
    measured_ms: Floats,
    target: Target,
    provenance: Mapping[str, Any],
    blocks: Sequence[BlockSpec],
    priors: Mapping[str, LatencyPredictor],
    progress: Progress,
) -> LatencyPredictor:
    specs = all_blocks(networks, blocks)
    costs = {name: prior.block_ms(specs) for name, prior in priors.items()}
    few_shot = fit_few(networks, measured_ms, blocks, costs, progress)
    model = Regression(coefficients=few_shot.coefficients)
    return LatencyPredictor(
        target=target,
        provenance={"fitted": origin(), **provenance},
        known={},
        inferred=few_shot.costs_ms,
        fitted=_by_key(networks, measured_ms),
        seen=tuple(dict.fromkeys(block for network in networks for block in network)),
        models={(POOLED, quantity): model for quantity in QUANTITIES},
        composition=NetworkCalibration(
            overhead_ms=few_shot.overhead_ms,
            spread=spread_of(dict(few_shot.errors)[few_shot.base]),
        ),
        composition_choice=CalibrationChoice(
            form=few_shot.base, networks=len(networks), errors=few_shot.errors
        ),
    )


def _by_key(networks: Sequence[Network], measured_ms: Floats) -> dict[str, float]:
    return {
        network_key(network): ms for network, ms in zip(networks, measured_ms.tolist(), strict=True)
    }


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
