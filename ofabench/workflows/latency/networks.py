"""Networks tables and architecture files together with their spaces."""

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
    from latency_models.evaluation.evaluation import Measured
    from latency_models.predictors.predictor import LatencyPredictor
    from latency_models.tables.networks import NetworksTable
    from latency_models.vectorized.packed_codes import Codes
    from supernet.space.space import ArchConfig, SearchSpace


def space_of(table: "NetworksTable", asked: str | Path | None) -> "SearchSpace":
    """Space of a table: the one asked for, else the one that its metadata name or hold."""
    from supernet.space.space import SearchSpace

    name = asked or table.space
    if name is None:
        raise InputError("the networks table does not name its space: give it with --space")
    text = table.provenance.get("space_toml")
    if asked is None and isinstance(text, str):
        return SearchSpace.from_toml(text, str(name))
    return load_space(name)


def space_to_judge(
    table: "NetworksTable", given: str | Path | None, predictor: StoredSpace
) -> "SearchSpace":
    """Space of a table's networks: what the table says, else what the predictor says.

    `InputError` where a given one differs from that, or where neither says and none is given.
    """
    if table.space is None:
        if predictor.name is None and given is None:
            raise InputError(
                f"the networks table does not name its space, and {predictor.what} is older or "
                "was fitted on a table that names none: give it with --space"
            )
        return predictor.needed(given)
    kept = stored_space({**table.provenance, "space": table.space}, "the networks table")
    if kept.space is None and kept.name == predictor.name:
        kept = predictor
    if kept.space is not None:
        return kept.needed(given)
    return space_of(table, given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Networks that a predictor is judged on: codes (n, columns), and what was measured of them.

    `fitted` of the table's networks were fitted on: they are left out, unless all were.
    """

    codes: "Codes"
    measured: "Measured"
    fitted: int


def judging(
    networks: "NetworksTable", column: str, space: "SearchSpace", predictor: "LatencyPredictor"
) -> Judging:
    """The networks of a table that a predictor was not fitted on, and the drift since its sweep.

    Drift is estimated from the predictor's anchor networks where three or more of them are in the
    table or in its drift log, else from networks fitted on that are in the table too, where there
    are three or more, else from the reference workloads of both sweeps, which are weak.
    """
    from latency_models.evaluation.evaluation import Measured
    from latency_models.predictors.predictor import network_key

    ms, spread, codes = (
        networks.latencies_ms(column, predictor.statistic),
        networks.spread(column),
        space.codes_of(networks.frame),
    )
    specs = [space.blocks(arch) for arch in space.decode(codes)]
    then_ms = np.array([predictor.fitted.get(network_key(one), np.nan) for one in specs])
    known = np.isfinite(then_ms)
    drift = _drift_by_anchors(networks, column, specs, predictor)
    drift = drift or drift_by_length("networks in common", then_ms, ms)
    judged = np.ones(len(ms), dtype=bool) if known.all() else ~known
    measured = Measured(
        ms=ms[judged],
        spread=None if spread is None else spread[judged],
        drift=drift or _drift_by_references(networks, predictor),
    )
    return Judging(codes=codes[judged], measured=measured, fitted=int(known.sum()))


def _drift_by_anchors(
    networks: "NetworksTable",
    column: str,
    specs: "Sequence[tuple[BlockSpec, ...]]",
    predictor: "LatencyPredictor",
) -> SessionDrift | None:
    """Estimate drift from the predictor's anchors that the table, or its own drift log, has."""
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
    from latency_models.drift.provenance import kept_log

    try:
        return kept_log(networks.provenance)
    except VALUE_DAMAGE as error:
        raise InputError(
            f"the networks table's drift log is damaged ({error}); build the table again"
        ) from error


def _drift_by_references(
    networks: "NetworksTable", predictor: "LatencyPredictor"
) -> SessionDrift | None:
    """Estimate drift from the predictor's sweep to the networks' by their reference workloads."""
    references = predictor.provenance.get("references") or {}
    then = {name: predictor.drift_mean * ms for name, ms in references.items()}
    return drift_by_references(networks.provenance.get("references") or {}, then)


def read_archs(
    path: Path, space: "SearchSpace | None"
) -> Iterator[tuple["SearchSpace", "ArchConfig"]]:
    """Read the networks of an archs file, each with its space.

    `space` is that of networks that name none or its name; others name a shipped one, or are of
    the only shipped one that has such a network.
    """
    from supernet.space.arch_file import find_network, parse_networks

    for network in parse_networks(read_text(path), str(path)):
        yield find_network(network, space)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of an archs file from 1 on; empty ones are passed over. `InputError` if no text."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            yield number, line


def read_text(path: Path) -> str:
    """Text of a file, without a byte order mark; `InputError` where it is no text."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text: {error}") from error
