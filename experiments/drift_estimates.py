"""What follows a network's drift: anchor networks, single blocks, or the reference workloads?

Each model file is measured several times, each time in a separate session, and its latency is
compared with the prediction: as measured, and corrected by each estimate of drift, whether or
not its parts agree. On a machine that does nothing else:

    python -m experiments.drift_estimates runs/quickstart --tries 3
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.backends.registry import get_backend
from bench.devices.registry import get_device
from bench.timing.plan import SweepPlan
from bench.timing.session_drift import SessionDrift, drift_by_length, drift_by_references
from latency_models.predictors.predictor import LatencyPredictor
from ofabench.workflows.deploy.verification_task import blocks_measured_with
from supernet.export.model_card import read_exported
from supernet.verification.drift import blocks_ms, drift_since_sweep, references_ms
from supernet.verification.verdicts import Expected, verify
from supernet.verification.verify import MeasuringSetup, measure_file

TOLERANCE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One measurement of one file, and its prediction."""

    name: str
    predicted_ms: float
    raw_ms: float
    session_ms: float  # corrected for drift within the session
    drift: SessionDrift | None  # as `verify` has it
    by_anchors: SessionDrift | None
    by_blocks: SessionDrift | None
    by_references: SessionDrift | None

    @property
    def errors(self) -> dict[str, float]:
        """Latency over prediction, less 1, by how it is corrected."""
        result = {"as measured": self.raw_ms / self.predicted_ms - 1}
        estimates = (
            ("by anchors", self.by_anchors),
            ("by blocks", self.by_blocks),
            ("by references", self.by_references),
            ("as verify decides", self.drift),
        )
        for name, drift in estimates:
            if drift is not None:
                result[name] = self.session_ms / drift.ratio / self.predicted_ms - 1
        if self.drift is not None and not self.drift.applied:
            result["as verify decides"] = result["as measured"]
        return result


def main() -> int:
    """Measure, print a line per measurement, then the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of `ofabench quickstart`")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--force", action="store_true")
    args = parser.parse_args()
    tries = list(_tries(args.run, args.tries, args.force))
    print("\n| corrected | tries | mean error | worst | within 5 % | within 10 % |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in tries[0].errors:
        error = np.abs([attempt.errors[name] for attempt in tries if name in attempt.errors])
        print(
            f"| {name} | {len(error)} | {error.mean():.1%} | {error.max():.1%} | "
            f"{np.mean(error <= 0.05):.0%} | {np.mean(error <= TOLERANCE):.0%} |"
        )
    return 0


def _tries(run: Path, count: int, force: bool) -> Iterator[Try]:
    predictor = LatencyPredictor.load(run / "latency.parquet")
    models = sorted(run.glob("*.onnx"))
    for number in range(count):
        for model in models:
            attempt = _measure(model, predictor, number, force)
            errors = ", ".join(f"{name} {error:+.1%}" for name, error in attempt.errors.items())
            print(f"{attempt.name} ({attempt.predicted_ms:.4f} ms): {errors}", flush=True)
            yield attempt


def _measure(model: Path, predictor: LatencyPredictor, seed: int, force: bool) -> Try:
    content, card = read_exported(model)
    bench = MeasuringSetup(
        device=get_device("cpu"),
        backend=get_backend(card.backend),
        target=predictor.target,
        plan=SweepPlan(seed=seed, replicates=6, rounds=30),
        company=blocks_measured_with(predictor, seed),
        anchors=() if predictor.drift_log is None else predictor.drift_log.anchors,
        forced=force,
    )
    measurements = measure_file(content, card.blocks, bench)
    predicted_ms = predictor.predict(card.blocks).ms
    result = verify(measurements, Expected(predicted_ms=predicted_ms), blocks=card.blocks)
    network = next(
        measurement for measurement in measurements if measurement.workload.blocks == card.blocks
    )
    drift = drift_since_sweep(measurements, predictor, card.blocks)
    then = predictor.provenance.get("references") or {}
    return Try(
        name=model.stem,
        predicted_ms=predicted_ms,
        raw_ms=result.measured.ms,
        session_ms=network.median_ms,
        drift=drift,
        by_anchors=None if drift is None or drift.weak else drift,
        by_blocks=drift_by_length("blocks", *blocks_ms(measurements, predictor)),
        by_references=drift_by_references(references_ms(measurements), then),
    )


if __name__ == "__main__":
    sys.exit(main())
