"""A verified model file: its latencies, its verdicts, and its file."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError
from bench.notebook.html_table import lines_html
from ofabench.workflows.deploy.verification_text import (
    accuracy_lines,
    failed,
    latency_lines,
    with_repeat,
)

if TYPE_CHECKING:
    from bench.timing.tail import Tail
    from supernet.verification.energy import JudgedEnergy
    from supernet.verification.verdicts import JudgedLatency
    from supernet.verification.verdicts import Verification as Verdicts


@dataclass(frozen=True, slots=True, repr=False)
class Verification:
    """Measurement of a model file, compared with its prediction and its limit.

    `values` has the JSON values of `ofabench verify --out`.
    """

    values: Mapping[str, Any]

    @property
    def target(self) -> str:
        """The key of the target."""
        return str(self.values["target"])

    @property
    def measured_ms(self) -> float:
        """The `statistic` of the latency as measured, ms; the limit is compared with it."""
        return self.verdicts.measured.ms

    @property
    def statistic(self) -> str:
        """The statistic of the timing samples: `median`, or `p90`."""
        return self.verdicts.expected.statistic

    @property
    def tail(self) -> "Tail | None":
        """Percentiles of single samples as measured; None in files of an older ofabench."""
        return self.verdicts.tail

    @property
    def interval_ms(self) -> tuple[float, float]:
        """The 95 % confidence interval of `measured_ms`, from replicates."""
        figure = self.verdicts.measured
        return figure.low_ms, figure.high_ms

    @property
    def drift_corrected(self) -> "JudgedLatency | None":
        """The latency divided by the drift since the predictor's sweep; None if not corrected. The
        prediction is compared with it.
        """
        return self.verdicts.drift_corrected

    @property
    def predicted_ms(self) -> float | None:
        """The predicted latency, ms; None without a prediction for such a file."""
        return self.verdicts.expected.predicted_ms

    @property
    def limit_ms(self) -> float | None:
        """The limit on the latency, ms; None without a limit."""
        return self.verdicts.expected.limit_ms

    @property
    def prediction_within_tolerance(self) -> bool | None:
        """The verdict on the prediction; None without a prediction."""
        return self.verdicts.prediction_within_tolerance

    @property
    def limit_met(self) -> bool | None:
        """The verdict on the limit; None without a limit."""
        return self.verdicts.limit_met

    @property
    def energy(self) -> "JudgedEnergy | None":
        """The energy with its limit's verdict, and the peak memory; None if not measured."""
        from supernet.verification.energy import JudgedEnergy

        values = self.values.get("energy")
        return None if values is None else JudgedEnergy.from_json(values)

    @property
    def failed(self) -> bool:
        """Whether the prediction is not within tolerance, or a limit not met."""
        return failed(self.values)

    @property
    def accuracy(self) -> float | None:
        """The accuracy on test images, a fraction; None if not measured."""
        value: float | None = self.values["accuracy"]
        return value

    @property
    def verdicts(self) -> "Verdicts":
        """Both latencies with their intervals and verdicts, and the drift."""
        from supernet.verification.verdicts import Verification as Verdicts

        return Verdicts.from_json(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON values."""
        return dict(self.values)

    def save(self, path: str | os.PathLike[str]) -> "Verification":
        """Write the JSON values; return the verification that the file then holds. If the file
        holds an earlier verification of the same model and target, this one is added to its
        `repeats`: the first measurement counts. Any other content is replaced.
        """
        from bench.files import read_json, write_text

        path = Path(path)
        try:
            first = read_json(path) if path.exists() else None
        except FileError:
            first = None  # another file, which is replaced
        whole = with_repeat(first, self.values) or self.to_dict()
        write_text(path, json.dumps(whole, indent=2, allow_nan=False) + "\n")
        return Verification(whole)

    def __str__(self) -> str:
        lines = [f"{self.values['model']} on {self.target}"]
        lines += [*latency_lines(self.values), *accuracy_lines(self.values)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return lines_html(str(self).splitlines())

    def __repr__(self) -> str:
        return (
            f"Verification(measured_ms={self.measured_ms:.4g}, predicted_ms={self.predicted_ms}, "
            f"limit_ms={self.limit_ms}, failed={self.failed})"
        )
