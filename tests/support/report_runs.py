"""Small files of every kind that a report reads, with latencies by formula."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.protocol.target import Target
from bench.timing.session_drift import SessionDrift
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from latency_models.tables.table import LatencyTable, frame_of
from ofabench.cli import main as cli
from supernet.accuracy.predictor import fit_accuracy
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace
from supernet.verification.verdicts import Expected, JudgedLatency, Verification

SPACE = SearchSpace.load("tiny")
FAKE = Target(device="fake", backend="fake", backend_version="1", options=(("cache", "warm"),))
PHONE = Target(device="note8", backend="tflite", backend_version="2.14", threads=4)


def block_ms(spec: BlockSpec, target: Target = FAKE) -> float:
    """Return a latency by formula: the phone is slower, and large kernels cost more there."""
    ms = 0.002 + spec.macs / 1e8
    return ms if target == FAKE else 3 * ms + 0.001 * spec.kernel


def table(target: Target = FAKE, factor: float = 1.0, **provenance: Any) -> LatencyTable:
    """Return every block of `tiny`, with intervals of 2 % to either side from six replicates."""
    specs = SPACE.unique_blocks()
    ms = np.array([block_ms(spec, target) for spec in specs]) * factor
    rows = frame_of(
        specs, latency_ms=ms, cold_ms=ms, low_ms=ms * 0.98, high_ms=ms * 1.02,
        loads=[6] * len(specs),
    )  # fmt: skip
    output = {"space": "tiny", "facts": {"cpu_model": target.device}, **provenance}
    return LatencyTable(target=target, provenance=output, rows=rows)


def predictor(target: Target = FAKE) -> LatencyPredictor:
    """Return a predictor with every block of `tiny`; a network is their sum."""
    ms = {spec: block_ms(spec, target) for spec in SPACE.unique_blocks()}
    known = {spec: (value, 1.2 * value) for spec, value in ms.items()}
    return LatencyPredictor(target=target, provenance={"space": "tiny"}, known=known, models={})


def network_ms(arch: ArchConfig, target: Target = FAKE) -> float:
    """Return the sum of the latencies of a network's blocks."""
    return sum(block_ms(spec, target) for spec in SPACE.blocks(arch))


def judged(archs: Sequence[ArchConfig], target: Target = FAKE) -> NetworksTable:
    """Return networks measured 3 % slower than their sum."""
    ms = [1.03 * network_ms(arch, target) for arch in archs]
    frame = SPACE.to_frame(archs).assign(**{target.column: ms})
    return NetworksTable(frame=frame, space="tiny", targets={target.column: target}, provenance={})


def result(arch: ArchConfig, accuracy: float, **changed: Any) -> dict[str, Any]:
    """Return a search result of one network, for two devices."""
    predictions = {item.key: network_ms(arch, item) for item in (FAKE, PHONE)}
    history = [{"evaluated": 10, "accuracy": None}, {"evaluated": 50, "accuracy": accuracy - 0.1}]
    return {
        "format": "ofabench-search-1",
        "space": "tiny",
        "arch": json.loads(SPACE.to_line(arch)),
        "accuracy": accuracy,
        "predictions": predictions,
        "limits": {FAKE.key: predictions[FAKE.key] * 1.05},
        "std_ms": dict.fromkeys(predictions, 0.001),
        "evaluated": 100,
        "history": [*history, {"evaluated": 90, "accuracy": accuracy}],
        **changed,
    }


def verification(
    predicted_ms: float | None,
    measured_ms: float,
    corrected_ms: float | None = None,
    *,
    limit_ms: float | None = None,
) -> dict[str, Any]:
    """Return JSON values of one verification, with intervals of 1 % to either side."""
    expected = Expected(predicted_ms=predicted_ms, limit_ms=limit_ms)

    def judged(ms: float) -> JudgedLatency:
        return expected.compare(ms, (0.99 * ms, 1.01 * ms))

    drift = None
    if corrected_ms is not None:
        ratio = measured_ms / corrected_ms
        drift = SessionDrift(source="blocks", workloads=9, ratio=ratio, estimates={"all": ratio})
    return Verification(
        expected=expected,
        measured=judged(measured_ms),
        drift=drift,
        drift_corrected=None if corrected_ms is None else judged(corrected_ms),
    ).to_json()


def verified(arch: ArchConfig, accuracy: float, **changed: Any) -> dict[str, Any]:
    """Return the output of `ofabench verify --out`."""
    ms = network_ms(arch)
    return {
        "space": "tiny",
        "arch": arch.to_json(),
        "target": FAKE.key,
        **verification(ms, 1.1 * ms, 1.04 * ms, limit_ms=1.05 * ms),
        "predicted_accuracy": accuracy,
        "accuracy": accuracy - 0.05,
        "accuracy_low": accuracy - 0.07,
        "accuracy_high": accuracy - 0.03,
        "extrapolated": [],
        **changed,
    }


def log_lines(name: str = "all") -> list[dict[str, Any]]:
    """Return records of a short training."""
    step = {"kind": "steps", "phase": 0, "name": name, "epoch": 0, "lr": 0.1, "images_per_s": 9.0}
    steps = [{**step, "step": 10 * i + 9, "loss": 2.0 / (i + 1)} for i in range(5)]
    validation = {"kind": "validation", "phase": 0, "epoch": 0, "step": 49, "network": "largest",
                  "accuracy": 0.6, "images": 300}  # fmt: skip
    return [{"kind": "run", "space": "tiny", "seed": 0}, *steps, validation]


def write_lines(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_everything(folder: Path) -> None:
    """Write a file of each kind, for two devices."""
    rng = np.random.default_rng(0)
    sweep = ["sweep", "--space", "tiny", "--device", "fake", "--backend", "fake", "--loads", "3"]
    code = cli.main(
        [*sweep, "--blocks", "12", "--networks", "3", "--passes", "4",
         "--out", str(folder / "sweep.sqlite")]
    )  # fmt: skip
    assert code == 0
    for name, target in (("fake", FAKE), ("phone", PHONE)):
        table(target).save(folder / f"{name}-blocks.parquet")
        predictor(target).save(folder / f"{name}.parquet")
        judged(SPACE.sample(np.random.default_rng(1), 20), target).save(
            folder / f"{name}-judged.parquet"
        )
    codes = SPACE.sample_codes(rng, 30)
    accuracy = np.linspace(0.5, 0.8, 30)
    fit_accuracy(SPACE, codes, accuracy).save(folder / "accuracy.parquet")
    archs = sorted(SPACE.sample(rng, 6), key=network_ms)
    front = [result(arch, 0.7 + 0.02 * i) for i, arch in enumerate(archs)]
    whole = {"format": "ofabench-search-1", "space": "tiny", "front": front}
    (folder / "front.json").write_text(json.dumps(whole))
    (folder / "limit.json").write_text(json.dumps(result(archs[2], 0.75)))
    (folder / "limit.verified.json").write_text(json.dumps(verified(archs[2], 0.75)))
    write_lines(folder / "supernet.jsonl", log_lines())
    (folder / "notes.md").write_text("not for the report")
