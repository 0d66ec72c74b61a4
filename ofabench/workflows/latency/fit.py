"""`fit`: latency predictor from blocks, from blocks and networks, or from networks alone."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.protocol.progress import NoProgress, Progress
from bench.timing.statistic import MEDIAN
from ofabench.options.fit import FitOptions
from ofabench.workflows.latency.fit_categories import fit_onehot
from ofabench.workflows.latency.network_input import as_networks_table
from ofabench.workflows.latency.network_warnings import (
    macs_of,
    other_columns,
    sums_of_blocks,
    warn_of_implausible,
)
from ofabench.workflows.latency.predictor import LatencyPredictor, load_predictor
from ofabench.workflows.latency.stored_space import ONEHOT, space_provenance, without_toml

if TYPE_CHECKING:
    import pandas as pd

    from latency_models.tables.networks import NetworksTable
    from latency_models.tables.table import LatencyTable

__all__ = ["FitOptions", "fit"]

DEFAULTS = FitOptions()
Prior = "LatencyPredictor | BlockPredictor | str | Path"


def fit(
    blocks: "LatencyTable | str | Path | None" = None,
    networks: "NetworksTable | pd.DataFrame | str | Path | None" = None,
    priors: "Sequence[LatencyPredictor | str | Path]" = (),
    options: FitOptions = DEFAULTS,
    progress: Progress | None = None,
) -> LatencyPredictor:
    """Return a latency predictor fitted on measured blocks, on measured networks, or on both.

    Implausible networks are logged as warnings.

    Args:
        blocks: a `LatencyTable` or its file.
        networks: a `NetworksTable`, its file, or a pandas DataFrame with the columns of a space,
            or of categories, and latencies in ms.
        priors: for networks alone: predictors of other devices, or their files, to start from.
        options: the column, the space and the statistic of the networks.
        progress: is given each form that is tried; None shows nothing.

    Returns:
        The predictor of the tables' target; it knows its space or categories.

    Raises:
        InputError: there is nothing to fit, or a table or an option is invalid.
        TargetMismatchError: blocks and networks have different targets.
        FileError: a file cannot be read, or holds something else.

    Example:
        >>> import numpy as np
        >>> from supernet.space.space import SearchSpace
        >>> space = SearchSpace.load("tiny")
        >>> archs = space.sample(np.random.default_rng(0), 12)
        >>> macs = [sum(block.macs for block in space.blocks(arch)) for arch in archs]
        >>> measured = space.to_frame(archs).assign(box_ms=np.array(macs) / 1e6)
        >>> fit(networks=measured, options=FitOptions(space="tiny"))
        LatencyPredictor of box/unknown-unknown/fp32/t1/cany/b1: space tiny
    """
    _check(blocks, networks, priors, options)
    shown = progress or NoProgress()
    try:
        return _fitted(blocks, networks, priors, options, shown)
    finally:
        shown.close()


def _fitted(
    blocks: Any,
    networks: Any,
    priors: "Sequence[LatencyPredictor | str | Path]",
    options: FitOptions,
    progress: Progress,
) -> LatencyPredictor:
    """Return what `fit` returns for valid arguments; the progress is left open."""
    if options.space == ONEHOT:
        if blocks is not None:
            raise InputError("--space onehot fits on networks alone: leave the latency table out")
        return fit_onehot(as_networks_table(networks), named_priors(priors), options, progress)
    table = None if blocks is None else as_latency_table(blocks)
    if networks is None:
        from latency_models.fitting import fit_predictor

        return LatencyPredictor.of(fit_predictor(table, progress=progress))
    return _fit_networks(table, as_networks_table(networks), priors, options, progress)


def named_priors(
    priors: "Sequence[LatencyPredictor | str | Path]",
) -> dict[str, LatencyPredictor]:
    """Return predictors by their names in messages and in provenance."""
    named: dict[str, LatencyPredictor] = {}
    for index, prior in enumerate(priors):
        if isinstance(prior, LatencyPredictor):
            named[f"prior {index}"] = prior
        elif isinstance(prior, str | os.PathLike):
            named[str(prior)] = load_predictor(prior)
        else:
            raise InputError(
                f"prior {index} is {type(prior).__name__}, expected a LatencyPredictor or its file"
            )
    return named


def _check(blocks: Any, networks: Any, priors: Any, options: FitOptions) -> None:
    """Raise `InputError` if the arguments do not fit together."""
    if not isinstance(options, FitOptions):
        raise InputError(f"options are {type(options).__name__}, expected FitOptions")
    if isinstance(priors, str | os.PathLike | LatencyPredictor):
        raise InputError(f"priors are {type(priors).__name__}, expected a list of them")
    if blocks is None and networks is None:
        raise InputError("nothing to fit: give a latency table, --networks N.parquet, or both")
    if priors and (networks is None or blocks is not None):
        raise InputError("--prior is for fits on --networks alone: leave the latency table out")
    if networks is None and (options.column or options.space):
        raise InputError("--column and --space describe a networks table: give --networks too")
    if networks is None and options.statistic != MEDIAN:
        raise InputError(
            f"--statistic {options.statistic} needs --networks: tails of blocks do not add up to "
            "the tail of a network"
        )


def as_latency_table(blocks: Any) -> "LatencyTable":
    """Return the table of an argument: a table, or its file; `InputError` for anything else."""
    from latency_models.tables.table import LatencyTable

    if isinstance(blocks, LatencyTable):
        return blocks
    if isinstance(blocks, str | os.PathLike):
        return LatencyTable.load(Path(blocks))
    raise InputError(f"blocks are a {type(blocks).__name__}, expected a LatencyTable or its file")


def _fit_networks(
    table: "LatencyTable | None",
    networks: "NetworksTable",
    priors: "Sequence[LatencyPredictor | str | Path]",
    options: FitOptions,
    progress: Progress,
) -> LatencyPredictor:
    """Fit on networks of a space, with or without a table of blocks."""
    from latency_models.drift.provenance import DRIFT
    from latency_models.fitting import fit_predictor
    from latency_models.tables.networks import foreign_target
    from latency_models.tables.statistic import statistic_provenance
    from ofabench.workflows.latency.networks import space_of

    column = networks.column_or_only(options.column)
    measured = networks.latencies_ms(column, options.statistic)
    space = space_of(networks, options.space)
    codes = space.codes_of(networks.frame)
    specs = [space.blocks(arch) for arch in space.decode(codes)]
    target = networks.target_of(column)
    source = {"column": column, "rows": len(measured), **without_toml(networks.provenance)}
    provenance = {
        **space_provenance(space),
        **statistic_provenance(options.statistic),
        "networks": source,
    }
    if DRIFT in source:
        provenance[DRIFT] = source.pop(DRIFT)
    if table is None:
        provenance["references"] = networks.provenance.get("references", {})
        target = target or foreign_target(column)
    block_priors = {name: prior.block_predictor for name, prior in named_priors(priors).items()}
    model = fit_predictor(
        table,
        specs,
        measured,
        target=target,
        provenance=provenance,
        blocks=space.unique_blocks(),
        priors=block_priors,
        progress=progress,
    )
    references = {"the sums of blocks": model} if table is not None else block_priors
    baselines = {name: sums_of_blocks(reference, specs) for name, reference in references.items()}
    baselines |= other_columns(networks, column)
    warn_of_implausible(column, codes, measured, baselines, macs_of(specs))
    return LatencyPredictor.of(model, space)
