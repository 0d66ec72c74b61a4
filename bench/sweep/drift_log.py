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
from bench.timing.aggregation import Pass, load_marks
from bench.timing.drift import kept_passes
from bench.timing.measurement import Measurement, warm_ns

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkStretch:
    """A stretch of measuring without a gap, and what networks took in it, ms as measured."""

    started_s: float
    ended_s: float
    bursts_ms: Mapping[Workload, Floats]
    forced: bool


def network_bursts_ms(
    passes: Sequence[Pass], work: Sequence[Workload], rounds: int, *, cold: bool
) -> dict[Workload, Floats]:
    """What each network of a load took in the bursts that count, ms as measured."""
    which = kept_passes(load_marks(passes, work), rounds)
    samples_ns = np.stack([passes[i].samples_ns for i in which])
    times_ns = samples_ns[..., 0] if cold else warm_ns(samples_ns)
    networks = dict.fromkeys(one for one in work if one.role == "network")
    return {
        one: times_ns[:, [place for place, other in enumerate(work) if other == one]].ravel() / 1e6
        for one in networks
    }


def merged(spells: Sequence[NetworkStretch]) -> list[NetworkStretch]:
    """Measurement sessions: spells less than `SESSION_GAP_S` apart are one; the oldest first."""
    ordered = sorted(spells, key=lambda one: (one.started_s, one.ended_s))
    groups = by_session(ordered, lambda one: (one.started_s, one.ended_s))
    return [_together(group) for group in groups]


def drift_log_of(
    measured: Sequence[Measurement],
    own: Sequence[NetworkStretch],
    later: Sequence[NetworkStretch],
    fixed: Sequence[Workload] | None,
) -> DriftLog | None:
    """The log of a sweep; None where it measured no network, or all anchors in no session.

    `measured` is all that the sweep measured, `own` its loads, `later` its drift sessions. `fixed`
    are the anchors of earlier drift sessions; where there are none, they are chosen among the
    networks that were measured in the most sessions. `KeyError` where the sweep lacks an anchor.
    """
    sessions = merged([*own, *later])
    ms = {one.workload: one.median_ms for one in measured if one.workload.role == "network"}
    if fixed is None:
        fixed = _chosen(ms, sessions)
    named = {one: one for one in ms}  # with the label that the sweep keeps
    anchors = tuple(Anchor(blocks=one.blocks, label=named[one].label, ms=ms[one]) for one in fixed)
    found = tuple(
        AnchorSession(
            started_at=iso(session.started_s),
            ms=tuple(float(np.median(session.bursts_ms[one])) for one in fixed),
            forced=session.forced,
        )
        for session in sessions
        if all(one in session.bursts_ms for one in fixed)
    )
    if not anchors or not found:
        return None
    return DriftLog(anchors=anchors, sessions=found, stretches=tuple(_stretches(own, ms)))


def _stretches(own: Sequence[NetworkStretch], ms: Mapping[Workload, float]) -> Iterator[Stretch]:
    """Each load that measured networks, by how they differ from their latencies in the sweep."""
    for spell in own:
        logs = [
            float(np.log(np.median(bursts_ms) / ms[one]))
            for one, bursts_ms in spell.bursts_ms.items()
            if one in ms
        ]
        if logs:
            yield Stretch(started_at=iso(spell.started_s), log_drift=float(np.median(logs)))


def _chosen(ms: Mapping[Workload, float], sessions: Sequence[NetworkStretch]) -> list[Workload]:
    times = Counter(one for session in sessions for one in session.bursts_ms if one in ms)
    most = max(times.values(), default=0)
    candidates = [one for one in ms if times[one] == most]
    return [candidates[i] for i in choose_anchors([ms[one] for one in candidates])]


def _together(group: Sequence[NetworkStretch]) -> NetworkStretch:
    networks = dict.fromkeys(one for spell in group for one in spell.bursts_ms)
    return NetworkStretch(
        started_s=group[0].started_s,
        ended_s=max(spell.ended_s for spell in group),
        bursts_ms={
            one: np.concatenate([s.bursts_ms[one] for s in group if one in s.bursts_ms])
            for one in networks
        },
        forced=any(spell.forced for spell in group),
    )
