"""Networks of tables and architecture files, together with their spaces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InputError
from bench.files import VALUE_DAMAGE, read_bytes
from bench.timing.session_drift import (
    SessionDrift,
    drift_by_anchors,
    drift_by_length,
    drift_by_references,
)
from ofabench.workflows.latency.stored_space import StoredSpace, load_space, stored_space

if TYPE_CHECKING:
    from bench.blocks.spec import BlockSpec
    from bench.drift.log import DriftLog
    from latency_models.evaluation.evaluation import MeasuredNetworks
    from latency_models.predictors.predictor import LatencyPredictor
    from latency_models.tables.networks import NetworksTable
    from latency_models.vectorized.packed_codes import Codes
    from supernet.space.space import ArchConfig, SearchSpace


def space_of(table: "NetworksTable", requested: str | Path | None) -> "SearchSpace":
    """Return the space of a table: the requested one, else that of its metadata."""
    from supernet.space.space import SearchSpace

    name = requested or table.space
    if name is None:
        raise InputError("the networks table does not name its space: give it with --space")
    text = table.provenance.get("space_toml")
    if requested is None and isinstance(text, str):
        return SearchSpace.from_toml(text, str(name))
    return load_space(name)


def space_to_evaluate(
    table: "NetworksTable", requested: str | Path | None, predictor: StoredSpace
) -> "SearchSpace":
    """Return the space of a table's networks: by the table, else by the predictor.

    `InputError` if the requested space differs, or if there is none at all.
    """
    if table.space is None:
        if predictor.name is None and requested is None:
            raise InputError(
                "the networks table does not name its space, and neither does "
                f"{predictor.description}: give it with --space"
            )
        return predictor.needed(requested)
    stored = stored_space({**table.provenance, "space": table.space}, "the networks table")
    if stored.space is None and stored.name == predictor.name:
        stored = predictor
    if stored.space is not None:
        return stored.needed(requested)
    return space_of(table, requested)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutNetworks:
    """Networks for an evaluation: codes (n, columns), and their measurements.

    `fitted` networks of the table were used in the fit: they are excluded, unless all were.
    """

    codes: "Codes"
    measured: "MeasuredNetworks"
    fitted: int


def held_out_networks(
    networks: "NetworksTable", column: str, space: "SearchSpace", predictor: "LatencyPredictor"
) -> HeldOutNetworks:
    """Return the networks of a table that a predictor was not fitted on, and the drift since then.

    Drift is estimated from the predictor's anchor networks if three or more of them are in the
    table or in its drift log, else from three or more networks of the fit that are in the table
    too, else from the reference workloads of both sweeps, which are weak.
    """
    from latency_models.evaluation.evaluation import MeasuredNetworks
    from latency_models.predictors.predictor import network_key

    ms, spread, codes = (
        networks.latencies_ms(column, predictor.statistic),
        networks.spread(column),
        space.codes_of(networks.frame),
    )
    specs = [space.blocks(arch) for arch in space.decode(codes)]
    fitted_ms = np.array([predictor.fitted.get(network_key(spec), np.nan) for spec in specs])
    in_fit = np.isfinite(fitted_ms)
    drift = _drift_by_anchors(networks, column, specs, predictor)
    drift = drift or drift_by_length("networks in common", fitted_ms, ms)
    chosen = np.ones(len(ms), dtype=bool) if in_fit.all() else ~in_fit
    measured = MeasuredNetworks(
        ms=ms[chosen],
        spread=None if spread is None else spread[chosen],
        drift=drift or _drift_by_references(networks, predictor),
    )
    return HeldOutNetworks(codes=codes[chosen], measured=measured, fitted=int(in_fit.sum()))


def _drift_by_anchors(
    networks: "NetworksTable",
    column: str,
    specs: "Sequence[tuple[BlockSpec, ...]]",
    predictor: "LatencyPredictor",
) -> SessionDrift | None:
    """Estimate drift from the predictor's anchors in the table or in the table's drift log."""
    if predictor.drift_log is None:
        return None
    log = _log_of(networks)
    now_ms = {} if log is None else {anchor.blocks: anchor.ms for anchor in log.anchors}
    now_ms |= dict(zip(specs, networks.latencies_ms(column).tolist(), strict=True))
    anchors = predictor.drift_log.anchors
    return drift_by_anchors(
        predictor.drift_mean * np.array([anchor.ms for anchor in anchors]),
        np.array([now_ms.get(anchor.blocks, np.nan) for anchor in anchors]),
    )


def _log_of(networks: "NetworksTable") -> "DriftLog | None":
    from latency_models.drift.provenance import drift_log_of

    try:
        return drift_log_of(networks.provenance)
    except VALUE_DAMAGE as error:
        raise InputError(
            f"the networks table's drift log is damaged ({error}); build the table again"
        ) from error


def _drift_by_references(
    networks: "NetworksTable", predictor: "LatencyPredictor"
) -> SessionDrift | None:
    """Estimate drift from the predictor's sweep to the networks' by their reference workloads."""
    references = predictor.provenance.get("references") or {}
    predictor_ms = {name: predictor.drift_mean * ms for name, ms in references.items()}
    return drift_by_references(networks.provenance.get("references") or {}, predictor_ms)


def read_archs(
    path: Path, space: "SearchSpace | None"
) -> Iterator[tuple["SearchSpace", "ArchConfig"]]:
    """Read the networks of an archs file, each with its space.

    `space` applies to networks that name it or no space; others name a shipped space, or belong to
    the only shipped space that has such a network.
    """
    from supernet.space.arch_file import find_network, parse_networks

    for network in parse_networks(read_text(path), str(path)):
        yield find_network(network, space)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield numbered lines of an archs file, without empty ones; `InputError` if it is no text."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            yield number, line


def read_text(path: Path) -> str:
    """Return the text of a file without byte order mark; `InputError` if it is no text."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text: {error}") from error
