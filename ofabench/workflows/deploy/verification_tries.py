"""`VerificationTries`: several verifications of one file, their range and verdicts."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import FileError, InputError
from bench.files import read_json
from ofabench.workflows.deploy.verification import Verification
from ofabench.workflows.deploy.verification_text import (
    accuracy_lines,
    drift_line,
    figure_verdicts,
    of_statistic,
)

FORMAT = "ofabench-tries-1"
MLPERF_TRIES, MLPERF_RANGE = 5, 0.05  # MLPerf Mobile's rules, version 4.0, "Replicability"


@dataclass(frozen=True, slots=True, repr=False)
class VerificationTries:
    """One model file, verified several times.

    Attributes:
        tries: the verifications, the oldest first.
        requested: the requested number of tries.
        every_s: shortest pause between two tries, s.
    """

    tries: tuple[Verification, ...]
    requested: int
    every_s: float

    @property
    def measured_ms(self) -> tuple[float, ...]:
        """The latency of every try as measured, ms."""
        return tuple(attempt.measured_ms for attempt in self.tries)

    @property
    def range(self) -> float:
        """Relative range of the tries: the largest latency over the smallest, minus 1."""
        return max(self.measured_ms) / min(self.measured_ms) - 1.0

    @property
    def mlperf_met(self) -> bool | None:
        """Whether all tries are within 5 %; None for fewer than five tries."""
        if len(self.tries) < MLPERF_TRIES:
            return None
        return max(self.measured_ms) <= min(self.measured_ms) * (1.0 + MLPERF_RANGE)

    @property
    def limit_share(self) -> float | None:
        """Fraction of the tries that meet the limit, as measured; None without a limit."""
        return _share([attempt.limit_met for attempt in self.tries])

    @property
    def prediction_share(self) -> float | None:
        """Fraction of the tries within tolerance of the prediction; None without a prediction."""
        return _share([attempt.prediction_within_tolerance for attempt in self.tries])

    @property
    def failed(self) -> bool:
        """Whether a try misses its limit or its prediction, or the range is above MLPerf's 5 %."""
        return self.mlperf_met is False or any(attempt.failed for attempt in self.tries)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: tries, range and verdicts."""
        return {
            "format": FORMAT,
            "tries": [attempt.to_dict() for attempt in self.tries],
            "requested": self.requested,
            "every_s": self.every_s,
            "range": self.range,
            "mlperf_met": self.mlperf_met,
            "limit_share": self.limit_share,
            "prediction_share": self.prediction_share,
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __repr__(self) -> str:
        return (
            f"VerificationTries({len(self.tries)} of {self.requested}, range={self.range:.2%}, "
            f"mlperf_met={self.mlperf_met}, limit_share={self.limit_share})"
        )

    def _lines(self) -> Iterator[str]:
        first = self.tries[0].values
        yield f"{first['model']} on {first['target']}"
        of = of_statistic(first)
        if first["predicted_ms"] is not None:
            yield f"  predicted        {first['predicted_ms']:.4g} ms{of}"
        if first["limit_ms"] is not None:
            yield f"  limit            {first['limit_ms']:g} ms{of}"
        for number, attempt in enumerate(self.tries, start=1):
            yield from _try_lines(number, attempt.values)
        count = len(self.tries)
        yield f"  range            {self.range:.1%} over {count} tries, largest to smallest{of}"
        yield f"  MLPerf Mobile    {self._mlperf()}"
        for name, share in (("limit met", self.limit_share), ("predicted", self.prediction_share)):
            if share is not None:
                yield f"  {name:<16} in {round(share * count)} of {count} tries ({share:.0%})"
        yield from accuracy_lines(first)

    def _mlperf(self) -> str:
        if self.mlperf_met is None:
            return f"- (its rule needs {MLPERF_TRIES} tries, there are {len(self.tries)})"
        verdict = "met" if self.mlperf_met else "NOT MET"
        return f"{verdict}: {len(self.tries)} tries within {100 * MLPERF_RANGE:g} %"


def check_no_tries(path: Path) -> None:
    """Raise `InputError` if a file holds tries, which one verification would replace."""
    try:
        data = read_json(path) if path.exists() else None
    except FileError:
        return  # another file, which `Verification.save` replaces
    if isinstance(data, dict) and data.get("format") == FORMAT:
        raise InputError(
            f"{path} holds tries of a verification: name another --out, or add --tries"
        )


def _share(verdicts: list[bool | None]) -> float | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return sum(known) / len(known) if known else None


def _try_lines(number: int, values: Mapping[str, Any]) -> Iterator[str]:
    figure = values["measured"]
    time = str(values["started_at"])[11:16]
    verdicts = figure_verdicts(figure, values["tolerance"])
    line = f"  try {number}, {time}     {figure['ms']:.4g} ms{of_statistic(values)}"
    yield f"{line}: {verdicts}" if verdicts else line
    corrected = values["drift_corrected"]
    if corrected is not None:
        verdicts = figure_verdicts(corrected, values["tolerance"])
        yield f"    drift-corrected {corrected['ms']:.4g} ms: {verdicts}"
    elif values["predicted_ms"] is not None:
        yield f"    drift-corrected - ({drift_line(values['drift'])})"
