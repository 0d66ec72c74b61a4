"""Predictors of the space `tiny`, and runs of `ofabench search` on them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.protocol.target import Target
from latency_models.networks.network_calibration import CalibrationChoice, NetworkCalibration
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.regression.features import PHYSICAL
from latency_models.regression.regression import Regression
from ofabench.cli import main as cli
from supernet.accuracy.predictor import fit_accuracy
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")
TARGET = Target(device="toy", backend="onnx", backend_version="1")
OTHER = Target(device="other", backend="onnx", backend_version="1")
NS_A_MAC = 1.0


def write_predictors(folder: Path) -> Path:
    """Write an accuracy predictor that prefers large networks, and latencies of two targets.

    One takes a ns a MAC, the other a ns for each 30 parameters; `sure.parquet` knows its spread.
    """
    codes = TINY.sample_codes(np.random.default_rng(0), 60)
    accuracy = 0.5 + 0.4 * (codes.sum(axis=1) - codes.min()) / 150
    fit_accuracy(TINY, codes, accuracy).save(folder / "a.parquet")
    latency("tiny", TARGET).save(folder / "p.parquet")
    latency("tiny", OTHER, by_params=True).save(folder / "p2.parquet")
    latency("tiny", TARGET, spread=0.1).save(folder / "sure.parquet")
    return folder


def latency(
    space: str,
    target: Target,
    resolutions: tuple[int, ...] | None = None,
    *,
    by_params: bool = False,
    spread: float = 0.0,
) -> LatencyPredictor:
    """One ns a MAC for the blocks of these resolutions, 1 ms for every launch of the others."""
    blocks = SearchSpace.load(space).unique_blocks(resolutions)
    work = {block: block.params / 30 if by_params else block.macs for block in blocks}
    launches = np.array([float(name == "launches") for name in PHYSICAL])
    chosen = CalibrationChoice(form="sum", networks=21, errors=(("sum", spread),))
    return LatencyPredictor(
        target=target,
        provenance={},
        known={block: (done * NS_A_MAC / 1e6,) * 2 for block, done in work.items()},
        models={("*", what): Regression(coefficients=launches) for what in ("warm", "cold")},
        composition=NetworkCalibration(spread=spread),
        composition_choice=chosen if spread else None,
    )


def search(files: Path, *more: str, out: str = "r.json") -> int:
    """Run a search of `tiny` with the accuracy predictor of the folder."""
    return search_of("tiny", str(files / "a.parquet"), files / out, *more)


def search_of(space: str, accuracy: str, out: Path, *more: str) -> int:
    common = ("search", "--space", space, "--accuracy", accuracy, "--out", str(out))
    return cli.main([*common, "--budget", "600", "--patience", "20", "--seed", "3", *more])


def result_of(files: Path, *more: str) -> dict[str, Any]:
    """Run a search that must succeed, and return its result."""
    assert search(files, *more) == 0
    data: dict[str, Any] = json.loads((files / "r.json").read_text())
    return data


def fails(
    capsys: pytest.CaptureFixture[str], files: Path, *more: str, out: str = "absent.json"
) -> str:
    """Run a search that must exit 2 and write no file; return its error line."""
    before = sorted(files.rglob("*"))
    try:
        code: object = search(files, *more, out=out)
    except SystemExit as stopped:  # argparse's way to refuse
        code = stopped.code
    output = capsys.readouterr()
    assert code == 2
    assert output.out == ""
    assert sorted(files.rglob("*")) == before
    assert len(output.err.strip().splitlines()) == 1
    return output.err.strip()
