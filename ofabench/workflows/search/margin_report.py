"""`MarginReport`: the parts of the margin of a limit, and its cost in accuracy."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.options import SECONDS
from latency_models.drift.limit_on import RAW
from ofabench.workflows.search.latencies import MILLISECONDS

PARTS = ("drift", "scatter", "prediction", "selection")
FEW_SESSIONS = 8
SPANS = 4.0  # the horizon may be at most so many times the span of the known sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginReport:
    """Margin of a limit on latency or energy, for the chosen network.

    `parts` are fractions of the prediction: what drift, scatter, prediction error and selection
    would each add alone, and `margin`, all of them together. `sessions` counts the sessions of the
    drift log with the sweep's, `span_s` is the time from the first to the last. `accuracy_without`
    is the accuracy that a search without margins reaches, a fraction.
    """

    target: str
    confidence: float
    horizon_s: float
    limit_on: str
    session_spread: float | None
    parts: Mapping[str, float]
    sessions: int
    span_s: float
    accuracy_without: float
    unit: str = MILLISECONDS  # of the limit

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {**asdict(self), "parts": dict(self.parts)}

    def lines(self, accuracy: float) -> list[str]:
        """Return the margin's parts, its cost in accuracy, and how to narrow it, as lines."""
        horizon = SECONDS.format(self.horizon_s, bare=False)
        within = f"for {horizon}" if self.limit_on == RAW else "drift-corrected"
        each_alone = ", ".join(f"{name} {self.parts[name]:.1%}" for name in PARTS)
        cost = 100 * (self.accuracy_without - accuracy)
        lines = [
            f"margin {self.parts['margin']:.1%} at {self.confidence:.4g} {within} (alone: "
            f"{each_alone})"
            f"; it costs {cost:.2f} points of predicted accuracy"
        ]
        drifts = self.limit_on == RAW and self.session_spread is None
        if drifts and self.unit != MILLISECONDS:
            lines.append(
                "the drift of energies is not known, so it is that of latencies without a drift "
                "log; --session-spread, such as 0.02, gives another"
            )
        elif drifts and (self.sessions < FEW_SESSIONS or self.span_s < self.horizon_s / SPANS):
            count = "1 session" if self.sessions == 1 else f"{self.sessions} sessions"
            lines.append(
                f"drift is known from {count} over {_hours(self.span_s)}: `ofabench drift "
                "SWEEP.sqlite --every 10m --for 2h`, on several days, then table build and fit, "
                "would narrow it"
            )
        return lines


def _hours(span_s: float) -> str:
    if span_s < 5400:
        return f"{span_s / 60:.0f} minutes"
    return f"{span_s / 3600:.0f} hours" if span_s < 2 * 86400 else f"{span_s / 86400:.0f} days"
