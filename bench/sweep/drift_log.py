"""The drift log of a sweep: its own measurement sessions, and later ones of the anchors."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import Anchor, AnchorSession, DriftLog, Stretch, choose_anchors
from bench.drift.session_gap import by_session
from bench.protocol.clock import iso
from bench.protocol.device import Workload
from bench.timing.aggregation import MeasuredRound, disturbed_rounds
from bench.timing.drift import counted_rounds
from bench.timing.measurement import Measurement, warm_ns

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkStretch:
    """A stretch of measuring without a gap, and the latencies of networks in it, raw, in ms."""

    started_s: float
    ended_s: float
    bursts_ms: Mapping[Workload, Floats]
    forced: bool


def network_bursts_ms(
    passes: Sequence[MeasuredRound], work: Sequence[Workload], rounds: int, *, cold: bool
) -> dict[Workload, Floats]:
    """Return the bursts of each network of a replicate that count, in ms as measured."""
    counted = counted_rounds(disturbed_rounds(passes, work), rounds)
    samples_ns = np.stack([passes[i].samples_ns for i in counted])
    times_ns = samples_ns[..., 0] if cold else warm_ns(samples_ns)
    networks = dict.fromkeys(workload for workload in work if workload.role == "network")
    return {
        network: times_ns[
            :, [place for place, workload in enumerate(work) if workload == network]
        ].ravel()
        / 1e6
        for network in networks
    }


def merged(stretches: Sequence[NetworkStretch]) -> list[NetworkStretch]:
    """Merge stretches less than `SESSION_GAP_S` apart into measurement sessions, oldest first."""
    ordered = sorted(stretches, key=lambda stretch: (stretch.started_s, stretch.ended_s))
    groups = by_session(ordered, lambda stretch: (stretch.started_s, stretch.ended_s))
    return [_together(group) for group in groups]


def drift_log_of(
    measured: Sequence[Measurement],
    own: Sequence[NetworkStretch],
    later: Sequence[NetworkStretch],
    fixed: Sequence[Workload] | None,
) -> DriftLog | None:
    """Return the drift log of a sweep; None without networks, or if no session has all anchors.

    `measured` are all measurements of the sweep, `own` its replicates, `later` its drift sessions.
    `fixed` are the anchors of earlier drift sessions; if there are none, they are chosen among the
    networks that were measured in the most sessions. Raises `KeyError` if the sweep lacks an
    anchor.
    """
    sessions = merged([*own, *later])
    ms = {
        measurement.workload: measurement.median_ms
        for measurement in measured
        if measurement.workload.role == "network"
    }
    if fixed is None:
        fixed = _chosen(ms, sessions)
    named = {network: network for network in ms}  # with the label that the sweep keeps
    anchors = tuple(
        Anchor(blocks=anchor.blocks, label=named[anchor].label, ms=ms[anchor]) for anchor in fixed
    )
    anchor_sessions = tuple(
        AnchorSession(
            started_at=iso(session.started_s),
            ms=tuple(float(np.median(session.bursts_ms[anchor])) for anchor in fixed),
            forced=session.forced,
        )
        for session in sessions
        if all(anchor in session.bursts_ms for anchor in fixed)
    )
    if not anchors or not anchor_sessions:
        return None
    return DriftLog(anchors=anchors, sessions=anchor_sessions, stretches=tuple(_stretches(own, ms)))


def _stretches(own: Sequence[NetworkStretch], ms: Mapping[Workload, float]) -> Iterator[Stretch]:
    """Yield each replicate that measured networks, with their drift from the sweep's latencies."""
    for stretch in own:
        logs = [
            float(np.log(np.median(bursts_ms) / ms[network]))
            for network, bursts_ms in stretch.bursts_ms.items()
            if network in ms
        ]
        if logs:
            yield Stretch(started_at=iso(stretch.started_s), log_drift=float(np.median(logs)))


def _chosen(ms: Mapping[Workload, float], sessions: Sequence[NetworkStretch]) -> list[Workload]:
    times = Counter(
        network for session in sessions for network in session.bursts_ms if network in ms
    )
    most = max(times.values(), default=0)
    candidates = [network for network in ms if times[network] == most]
    return [candidates[i] for i in choose_anchors([ms[network] for network in candidates])]


def _together(group: Sequence[NetworkStretch]) -> NetworkStretch:
    networks = dict.fromkeys(network for stretch in group for network in stretch.bursts_ms)
    return NetworkStretch(
        started_s=group[0].started_s,
        ended_s=max(stretch.ended_s for stretch in group),
        bursts_ms={
            network: np.concatenate(
                [stretch.bursts_ms[network] for stretch in group if network in stretch.bursts_ms]
            )
            for network in networks
        },
        forced=any(stretch.forced for stretch in group),
    )
