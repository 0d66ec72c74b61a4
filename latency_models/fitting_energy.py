"""Fit an `EnergyPredictor` on the energies of blocks, of whole networks, or of both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.protocol.progress import Progress
from bench.protocol.target import Target
from latency_models.drift.provenance import DRIFT
from latency_models.fitting import fit_predictor
from latency_models.predictors.energy import EnergyPredictor
from latency_models.predictors.predictor import Floats, Network
from latency_models.tables.table import LatencyTable


def fit_energy_predictor(  # noqa: PLR0913 - as of latencies
    table: LatencyTable | None,
    networks: Sequence[Network] | None = None,
    measured_mj: Floats | None = None,
    *,
    target: Target | None = None,
    provenance: Mapping[str, Any] | None = None,
    blocks: Sequence[BlockSpec] = (),
    progress: Progress | None = None,
) -> EnergyPredictor:
    """Fit on a table with energies, on networks and their energies in mJ (n,), or on both.

    The forms, and the choice among them, are those of latencies (`fit_predictor`); blocks and
    networks without a known energy (NaN) are left out. The drift of latencies is not that of
    energies, so it is not applied. `InputError` where no energy is known.
    """
    if networks is not None and measured_mj is not None:
        known = np.flatnonzero(np.isfinite(measured_mj)).tolist()
        networks, measured_mj = [networks[row] for row in known], measured_mj[known]
        if not known:
            raise InputError("no network has a known energy: sweep with --energy")
    costs = fit_predictor(
        None if table is None else energies_as_costs(table),
        networks,
        measured_mj,
        target=target,
        provenance={name: value for name, value in (provenance or {}).items() if name != DRIFT},
        blocks=blocks,
        progress=progress,
    )
    return EnergyPredictor(costs=costs)


def energies_as_costs(table: LatencyTable) -> LatencyTable:
    """Return the blocks with known energies, mJ in place of ms; `InputError` where none is known.

    A block's energy is measured warm, many inferences in a row, so there are no cold figures.
    """
    known = table.rows[np.isfinite(table.rows["energy_mj"])]
    if not len(known):
        raise InputError(
            f"the table of {table.target.key} has no energy: sweep with --energy on a device that "
            "reports it (a fact energy_sensor of `ofabench devices`), and build the table again"
        )
    return replace(
        table,
        provenance={name: value for name, value in table.provenance.items() if name != DRIFT},
        rows=known.assign(latency_ms=known["energy_mj"], cold_ms=np.nan).reset_index(drop=True),
    )
