"""Accuracy predictors in OFA's newer form predict what the package `ofa` predicts with them.

The package runs in a child process (tests/peer_ofa). Networks are drawn here, and written as its
encoders take them: absolute depths for MobileNets, added ones for ResNets, widths as indices.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from supernet.accuracy.ofa_predictor import OfaPredictor
from supernet.accuracy.source import open_accuracy
from supernet.space.space import ArchConfig, SearchSpace
from tests.peer_ofa.install import ROOT, NoPeerError, ensure_peer

NETWORKS = 300
WIDTHS, RESNET_DEPTHS = [0.65, 0.8, 1.0], (2, 2, 4, 2)
RESNET_SIZES = [128, 144, 160, 176, 192, 224, 240, 256]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A predictor of theirs: its encoder, the sizes it is for, and how many inputs that makes."""

    space: str
    encoder: str
    sizes: list[int]
    inputs: int
    suffix: str = ""
    space_type: str = "mbv3"
    hidden_size: int = 400
    n_layers: int = 3


MOBILE, RESNET = "MobileNetArchEncoder", "ResNetArchEncoder"
CASES = [
    Case(space="ofa-mbv3-w1.0", encoder=MOBILE, sizes=[128, 160, 192, 224], inputs=124),
    Case(space="ofa-mbv3-w1.2", encoder=MOBILE, sizes=[224], inputs=121),
    Case(
        space="ofa-mbv3-w1.0",
        encoder=MOBILE,
        sizes=[160, 176, 192, 208, 224],  # of ofa.tutorial's ArchManager
        inputs=125,
        suffix="@160,176,192,208,224",
    ),
    Case(space="ofa-resnet50d", encoder=RESNET, sizes=RESNET_SIZES, inputs=82),
    Case(
        space="ofa-resnet50d",
        encoder=RESNET,
        sizes=[128, 160],
        inputs=76,
        suffix="@128,160",
        hidden_size=100,
        n_layers=1,
    ),
    Case(
        space="ofa-proxyless-w1.3",
        encoder=MOBILE,
        sizes=[128, 160, 192, 224],
        inputs=130,
        space_type="mbv2",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[f"{case.space}-{case.inputs}" for case in CASES])
def test_predictions_are_those_of_ofa(case: Case, tmp_path: Path) -> None:
    try:
        peer = ensure_peer()
    except NoPeerError as why:
        pytest.skip(f"no package ofa: {why}")
    space = with_sizes(SearchSpace.load(case.space), case.sizes)
    archs = space.sample(np.random.default_rng(7), NETWORKS)
    archs += [end(size) for size in case.sizes for end in (space.smallest, space.largest)]
    answers = answers_of(peer, case, archs, tmp_path)

    source = open_accuracy(f"ofa:{tmp_path / 'predictor.pth'}{case.suffix}")

    assert isinstance(source, OfaPredictor)
    source.check_space(space)
    codes = space.encode(archs)
    inputs = np.array(answers["inputs"])
    assert inputs.shape == (len(archs), case.inputs)
    np.testing.assert_array_equal(source.encode(codes), inputs)
    accuracy = np.array(answers["accuracy"])
    assert np.ptp(accuracy) > 0.01
    np.testing.assert_allclose(source.predict(codes), accuracy, rtol=0, atol=1e-5)


def with_sizes(space: SearchSpace, sizes: list[int]) -> SearchSpace:
    """The same space at other resolutions: OFA's sizes reach beyond those that are shipped."""
    line = next(line for line in space.text.splitlines() if line.startswith("resolutions"))
    return SearchSpace.from_toml(space.text.replace(line, f"resolutions = {sizes}"))


def answers_of(peer: Path, case: Case, archs: list[ArchConfig], folder: Path) -> dict[str, Any]:
    request: dict[str, Any] = {
        "peer": str(peer),
        "encoder": case.encoder,
        "options": {"image_size_list": case.sizes},
        "hidden_size": case.hidden_size,
        "n_layers": case.n_layers,
        "seed": 3,
        "networks": [theirs(case, arch) for arch in archs],
    }
    if case.encoder == MOBILE:
        request["space_type"] = case.space_type
    (folder / "request.json").write_text(json.dumps(request))
    command = [sys.executable, "-m", "tests.peer_ofa.accuracy", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads((folder / "answers.json").read_text())
    return answers


def theirs(case: Case, arch: ArchConfig) -> dict[str, Any]:
    """The network as their encoder takes it."""
    if case.encoder == MOBILE:
        return {
            "ks": list(arch.kernels),
            "e": [int(expand) for expand in arch.expands],
            "d": list(arch.depths),
            "image_size": arch.resolution,
        }
    stem, *stages = arch.depths
    return {
        "d": [2 * stem, *(d - base for d, base in zip(stages, RESNET_DEPTHS, strict=True))],
        "e": list(arch.expands),
        "w": [WIDTHS.index(width) for width in arch.widths],
        "image_size": arch.resolution,
    }
