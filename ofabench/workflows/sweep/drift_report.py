"""Report of a drift log: by session, how much slower everything was than in the sweep."""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.drift.log import DriftLog
from bench.protocol.target import Target
from ofabench.workflows.text_table import text_table

SHOWN = 30  # of the last sessions, in a text
HEADS = ("session (UTC)", "drift", "anchors from", "to", "note")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DriftReport:
    """Drift log of a sweep, after `measured` new sessions.

    `log` has the anchors and all sessions, `skipped` a text for each session that failed: when and
    why.
    """

    path: Path
    target: Target
    log: DriftLog
    measured: int
    skipped: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the log as values for JSON; drifts are fractions (0.09: 9 % slower)."""
        rows = zip(self.log.sessions, self._drifts(), strict=True)
        return {
            "path": str(self.path),
            "target": self.target.to_json(),
            "anchors": [{"label": anchor.label, "ms": anchor.ms} for anchor in self.log.anchors],
            "sessions": [
                {
                    "started_at": session.started_at,
                    "drift": drift,
                    "anchors_low": low,
                    "anchors_high": high,
                    "ms": list(session.ms),
                    "forced": session.forced,
                }
                for session, (drift, low, high) in rows
            ],
            "measured": self.measured,
            "skipped": list(self.skipped),
        }

    def lines(self) -> Iterator[str]:
        """Yield the table of sessions for a terminal; of many sessions only the last ones."""
        log = self.log
        counted = f"{len(log.anchors)} anchor networks in {len(log.sessions)} sessions"
        yield f"{self.path}: {counted}, {self.measured} of them new; {self.target.key}"
        rows = [HEADS, *self._rows()]
        rows = [rows[0], *rows[1:][-SHOWN:]]
        yield from text_table(rows, left={0, 4})
        if len(log.sessions) > SHOWN:
            yield f"{len(log.sessions) - SHOWN} earlier sessions; see --json"
        for text in self.skipped:
            yield f"skipped     {text}"

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in HEADS)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        return f"<table><tr>{head}</tr>{body}</table>"

    def _rows(self) -> list[tuple[str, ...]]:
        rows = []
        for session, drifts in zip(self.log.sessions, self._drifts(), strict=True):
            start = session.started_at[:16].replace("T", " ")
            note = "forced" if session.forced else ""
            rows.append((start, *(f"{drift:+.1%}" for drift in drifts), note))
        return rows

    def _drifts(self) -> list[tuple[float, float, float]]:
        """For each session: drift since the sweep, and the lowest and highest of an anchor."""
        ratios = np.expm1(self.log.log_ratios)
        drift = np.expm1(self.log.log_drift)
        low, high = ratios.min(axis=1), ratios.max(axis=1)
        return list(zip(drift.tolist(), low.tolist(), high.tolist(), strict=True))
