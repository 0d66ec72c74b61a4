"""`fit_energy`: energy predictor from blocks, from networks, or from both."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.protocol.progress import NoProgress, Progress
from bench.timing.statistic import MEDIAN
from ofabench.options.fit import FitOptions
from ofabench.workflows.energy.predictor import EnergyPredictor
from ofabench.workflows.latency.fit import as_latency_table
from ofabench.workflows.latency.network_input import as_networks_table
from ofabench.workflows.latency.stored_space import ONEHOT, space_provenance, without_toml

if TYPE_CHECKING:
    import pandas as pd

    from latency_models.tables.networks import NetworksTable
    from latency_models.tables.table import LatencyTable

DEFAULTS = FitOptions()


def fit_energy(
    blocks: "LatencyTable | str | Path | None" = None,
    networks: "NetworksTable | pd.DataFrame | str | Path | None" = None,
    options: FitOptions = DEFAULTS,
    progress: Progress | None = None,
) -> EnergyPredictor:
    """Return an energy predictor fitted on measured blocks, on measured networks, or on both.

    Args:
        blocks: a `LatencyTable` with energies, or its file.
        networks: a `NetworksTable`, its file, or a pandas DataFrame with the columns of a space,
            latencies `<name>_ms`, and energies `<name>_energy_mj`.
        options: the latency column that the energies are beside, and the space.
        progress: is given each form that is tried; None shows nothing.

    Returns:
        The predictor of the tables' target. Blocks and networks without a known energy are left
        out.

    Raises:
        InputError: there is no known energy, or a table or an option is invalid.
        TargetMismatchError: blocks and networks have different targets.
        FileError: a file cannot be read, or holds something else.

    Example:
        >>> import numpy as np
        >>> from supernet.space.space import SearchSpace
        >>> space = SearchSpace.load("tiny")
        >>> archs = space.sample(np.random.default_rng(0), 12)
        >>> macs = np.array([sum(b.macs for b in space.blocks(arch)) for arch in archs])
        >>> measured = space.to_frame(archs).assign(box_ms=macs / 1e6, box_energy_mj=macs / 1e5)
        >>> fit_energy(networks=measured, options=FitOptions(space="tiny"))
        EnergyPredictor of box/unknown-unknown/fp32/t1/cany/b1: space tiny
    """
    _check(blocks, networks, options)
    shown = progress or NoProgress()
    try:
        return _fitted(blocks, networks, options, shown)
    finally:
        shown.close()


def _check(blocks: Any, networks: Any, options: FitOptions) -> None:
    if not isinstance(options, FitOptions):
        raise InputError(f"options are {type(options).__name__}, expected FitOptions")
    if blocks is None and networks is None:
        raise InputError("nothing to fit: give a latency table, --networks N.parquet, or both")
    if options.statistic != MEDIAN:
        raise InputError(f"--statistic {options.statistic} is of latencies: leave it out")
    if options.space == ONEHOT:
        raise InputError("--space onehot fits latencies alone: give a space of blocks")
    if networks is None and (options.column or options.space):
        raise InputError("--column and --space describe a networks table: give --networks too")


def _fitted(blocks: Any, networks: Any, options: FitOptions, progress: Progress) -> EnergyPredictor:
    from latency_models.fitting_energy import fit_energy_predictor
    from latency_models.tables.networks import foreign_target
    from ofabench.workflows.latency.networks import space_of

    table = None if blocks is None else as_latency_table(blocks)
    if networks is None:
        return EnergyPredictor(fit_energy_predictor(table, progress=progress))
    networks_table = as_networks_table(networks)
    column = networks_table.column_or_only(options.column)
    measured_mj = networks_table.energies_mj(column)
    space = space_of(networks_table, options.space)
    specs = [space.blocks(arch) for arch in space.decode(space.codes_of(networks_table.frame))]
    target = networks_table.target_of(column)
    source = {"column": column, "rows": len(specs), **without_toml(networks_table.provenance)}
    predictor = fit_energy_predictor(
        table,
        specs,
        measured_mj,
        target=target if table is not None else target or foreign_target(column),
        provenance={**space_provenance(space), "networks": source},
        blocks=space.unique_blocks(),
        progress=progress,
    )
    return EnergyPredictor(predictor, space)
