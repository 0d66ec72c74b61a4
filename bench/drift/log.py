"""`DriftLog`: latencies of a sweep's anchor networks in each measurement session.

A measurement session is a stretch of measuring that begins at least `SESSION_GAP_S` after the end
of the one before. A session that is killed and resumed, or replicates in separate processes, are
one session: what slows a machine for minutes is the same throughout.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.drift.session_gap import SESSION_GAP_S
from bench.errors import InputError
from bench.protocol.clock import unix_s
from bench.protocol.device import Workload
from bench.reading import from_plain, to_plain

__all__ = ["SESSION_GAP_S", "Anchor", "AnchorSession", "DriftLog", "choose_anchors"]
Floats = NDArray[np.float64]

ANCHORS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A whole network that is measured again in later sessions, and its latency in the sweep.

    `ms` is its drift-corrected latency in the sweep, to which sessions are compared. `label` is its
    line of an architectures file.
    """

    blocks: tuple[BlockSpec, ...]
    label: str
    ms: float

    @property
    def workload(self) -> Workload:
        """The network as a workload."""
        return Workload(role="network", blocks=self.blocks, label=self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorSession:
    """Latencies of the anchors in one session, ms as measured, in the order of the log's anchors.

    `started_at` is ISO 8601 with an offset. `forced`: others used the device meanwhile.
    """

    started_at: str
    ms: tuple[float, ...]
    forced: bool = False

    @property
    def unix_s(self) -> float:
        """Start time, in seconds since 1970."""
        return unix_s(self.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the sweep, about as long as a drift session: one replicate of one group.

    `log_drift` is the log of its networks' times over their latencies in the whole sweep, the
    median over networks. It is not a session, but shows how the machine varies within minutes.
    """

    started_at: str
    log_drift: float

    @property
    def unix_s(self) -> float:
        """Start time, in seconds since 1970."""
        return unix_s(self.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftLog:
    """Anchors, and the sessions that measured them, the oldest first, with the sweep's own.

    `stretches` are parts of the sweep's own sessions, the oldest first.
    """

    anchors: tuple[Anchor, ...]
    sessions: tuple[AnchorSession, ...]
    stretches: tuple[Stretch, ...] = ()

    def __post_init__(self) -> None:
        if not self.anchors or not self.sessions:
            raise InputError("a drift log has at least one anchor and one session")
        for session in self.sessions:
            if len(session.ms) != len(self.anchors):
                raise InputError(
                    f"the session of {session.started_at} has {len(session.ms)} latencies, "
                    f"expected {len(self.anchors)}, one of each anchor"
                )
        values = [anchor.ms for anchor in self.anchors] + [
            ms for session in self.sessions for ms in session.ms
        ]
        if not all(math.isfinite(ms) and ms > 0 for ms in values):
            raise InputError("a drift log's latencies are above 0 ms")
        if not all(math.isfinite(stretch.log_drift) for stretch in self.stretches):
            raise InputError("the drift of a stretch is a number")
        for name in ("sessions", "stretches"):
            ordered = sorted(getattr(self, name), key=lambda part: part.unix_s)
            object.__setattr__(self, name, tuple(ordered))

    @property
    def times_s(self) -> Floats:
        """When each session started, in seconds since 1970, (s,)."""
        return np.array([session.unix_s for session in self.sessions])

    @property
    def log_ratios(self) -> Floats:
        """Log of each anchor's latency in each session over that in the sweep, (s, anchors)."""
        now = np.array([session.ms for session in self.sessions])
        return np.asarray(np.log(now / np.array([anchor.ms for anchor in self.anchors])))

    @property
    def log_drift(self) -> Floats:
        """Log of the drift since the sweep by session, (s,): the median over the anchors."""
        return np.asarray(np.median(self.log_ratios, axis=1))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, as stored in provenance."""
        return {
            "anchors": [
                {
                    "blocks": [block.key for block in anchor.blocks],
                    "label": anchor.label,
                    "ms": to_plain(anchor.ms),
                }
                for anchor in self.anchors
            ],
            "sessions": to_plain(self.sessions),
            "stretches": to_plain(self.stretches),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `to_json`'s values.

        Raises `InputError`, `KeyError` or `TypeError` for others.
        """
        anchors = [
            {**anchor, "blocks": [to_plain(BlockSpec.parse(key)) for key in anchor["blocks"]]}
            for anchor in data["anchors"]
        ]
        return from_plain(cls, {**data, "anchors": anchors}, "a drift log")


def choose_anchors(latencies_ms: Sequence[float], count: int = ANCHORS) -> list[int]:
    """Return the places of up to `count` networks spread over the latencies, the fastest first.

    They are at equal steps of the rank, from the fastest to the slowest, both included.
    """
    order = np.argsort(np.asarray(latencies_ms, dtype=np.float64), kind="stable")
    steps = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return [int(order[step]) for step in steps]
