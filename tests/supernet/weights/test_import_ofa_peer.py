"""Networks imported from OFA's own package compute what they compute there.

The package runs in a child process (tests/peer_ofa). OFABENCH_PEER_ARCHS=100 draws more networks.
"""

import copy
import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ofabench.cli import main as cli
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.checkpoint import load_trained
from supernet.weights.import_ofa import OFA_SPACES, ofa_name
from supernet.weights.model import SuperNet
from tests.peer_ofa.install import ROOT, NoPeerError, ensure_peer

ARCHS = int(os.environ.get("OFABENCH_PEER_ARCHS", "4"))
LARGE = 2  # of the networks, run at 224 px; the others at sizes that make odd feature maps


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A network of theirs, what it answered, and ours after `ofabench import-ofa`."""

    ours: SuperNet
    forward: list[ArchConfig]
    train: list[ArchConfig]
    given: dict[str, Tensor]
    answers: dict[str, Tensor]


@pytest.fixture(scope="module", params=OFA_SPACES)
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    try:
        peer = ensure_peer()
    except NoPeerError as why:
        pytest.skip(f"no package ofa: {why}")
    space, folder = SearchSpace.load(request.param), tmp_path_factory.mktemp("peer")
    forward = space.sample(np.random.default_rng(3), ARCHS)
    train = [space.largest(), space.smallest()]
    given = images_for(len(forward), len(train))
    save_file(given, folder / "images.safetensors")
    forward_request = {
        "peer": str(peer),
        "space": space.name,
        "seed": 5,
        "forward": [arch.to_json() for arch in forward],
        "train": [arch.to_json() for arch in train],
    }
    (folder / "request.json").write_text(json.dumps(forward_request))
    command = [sys.executable, "-m", "tests.peer_ofa.run", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    out = folder / "supernet.safetensors"
    command_line = ["import-ofa", str(folder / "weights.pt"), "--space", space.name]
    assert cli.main([*command_line, "--out", str(out)]) == 0
    return Compared(
        ours=load_trained(out).supernet(),
        forward=forward,
        train=train,
        given=given,
        answers=load_file(folder / "answers.safetensors"),
    )


def images_for(forward: int, train: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    given: dict[str, Tensor] = {}
    for i in range(forward):
        size = 224 if i < LARGE else 64 + 4 * (i % 10)
        given[f"forward.{i}"] = torch.randn(2, 3, size, size, generator=generator)
    for i in range(train):
        given[f"train.{i}"] = torch.randn(4, 3, 68, 68, generator=generator)
        given[f"labels.{i}"] = torch.randint(1000, (4,), generator=generator)
    return given


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_logits_are_those_of_their_network(
    dtype: torch.dtype, allowed: float, compared: Compared
) -> None:
    network = copy.deepcopy(compared.ours).to(dtype)
    worst = 0.0
    for i, arch in enumerate(compared.forward):
        with torch.no_grad():
            ours = network(compared.given[f"forward.{i}"].to(dtype), arch)
        theirs = compared.answers[f"{dtype}.{i}"]
        assert float((theirs[0] - theirs[1]).abs().max()) > 0.001 * float(theirs.abs().max())
        worst = max(worst, relative(ours, theirs))
    name = compared.ours.space.name
    print(f"{name}: {len(compared.forward)} networks in {dtype}, {worst:.1e} at most")
    assert worst <= allowed


@pytest.mark.slow
def test_a_training_step_is_that_of_their_network(compared: Compared) -> None:
    """In float64: what rounding is blown up to by norms over 4 images says nothing."""
    ours, space = copy.deepcopy(compared.ours).double().train(), compared.ours.space
    worst = 0.0
    for i, arch in enumerate(compared.train):
        ours.zero_grad()
        images, labels = compared.given[f"train.{i}"].double(), compared.given[f"labels.{i}"]
        F.cross_entropy(ours(images, arch), labels).backward()  # type: ignore[no-untyped-call]

        actual = {
            f"grad.{i}.{ofa_name(name, space)}": parameter.grad
            for name, parameter in ours.named_parameters()
            if parameter.grad is not None
        }
        actual |= {f"buffer.{i}.{ofa_name(name, space)}": b for name, b in ours.named_buffers()}
        theirs = {k: v for k, v in compared.answers.items() if k.split(".")[:2] in prefixes(i)}
        assert actual.keys() == theirs.keys()
        for name, tensor in theirs.items():
            # A bias that a norm takes out again has a gradient of rounding alone: the constant.
            # The rest is torch's: the gradient of its hardsigmoid has 1/6 to 7 digits only.
            allowed = 1e-6 * float(tensor.abs().max()) + 1e-12
            worst = max(worst, float((actual[name] - tensor).abs().max()) / allowed)
    print(f"{space.name}: a training step differs by {worst * 1e-6:.1e} at most")
    assert worst <= 1


def prefixes(i: int) -> list[list[str]]:
    return [["grad", str(i)], ["buffer", str(i)]]


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max()) / max(1.0, float(theirs.abs().max()))
