"""Networks as the package `ofa` prints them are the ones that it runs (tests/peer_ofa)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ofabench.workflows.latency.networks import read_archs
from supernet.space.space import SearchSpace
from supernet.weights.import_ofa import OFA_SPACES, import_ofa
from supernet.weights.model import SuperNet
from supernet.weights.torch_file import read_state
from tests.peer_ofa.install import ROOT, NoPeerError, ensure_peer

DRAWN, SIZE = 2, 128
GIVEN: dict[str, list[dict[str, Any]]] = {
    "ofa-mbv3-w1.0": [{"ks": 7, "e": 6, "d": 4}, {"ks": 3, "e": 4, "d": [2, 3, 4, 2, 3]}],
    "ofa-mbv3-w1.2": [{"wid": None, "ks": 5, "e": 3, "d": 2}],
    "ofa-proxyless-w1.3": [
        {"ks": 7, "e": 6, "d": 4},
        {"ks": 3, "e": 4, "d": [2, 3, 4, 2, 3, 4]},
        {"ks": 3, "e": 4, "d": [2, 3, 4, 2, 3]},
    ],
    "ofa-resnet50d": [
        {"d": 2, "e": 0.35, "w": 2},
        {"d": 1, "e": 0.25, "w": 1},
        {"d": 0, "e": 0.2, "w": 0},
        {"d": [1, 0, 1, 2, 0], "e": 0.2, "w": [0, 1, 2, 0, 1, 2]},
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OFA_SPACES)
def test_networks_printed_by_ofa_are_those_that_it_runs(name: str, tmp_path: Path) -> None:
    try:
        peer = ensure_peer()
    except NoPeerError as why:
        pytest.skip(f"no package ofa: {why}")
    space = SearchSpace.load(name)
    request = {"peer": str(peer), "space": name, "seed": 11, "drawn": DRAWN, "size": SIZE}
    (tmp_path / "request.json").write_text(json.dumps({**request, "given": GIVEN[name]}))
    command = [sys.executable, "-m", "tests.peer_ofa.printed", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    network = SuperNet(space)
    tensors = read_state(tmp_path / "weights.pt").tensors
    network.load_state_dict(import_ofa(tensors, space, "weights.pt"))
    network.eval()
    logits = load_file(tmp_path / "logits.safetensors")

    networks = list(read_archs(tmp_path / "printed.txt", space))

    assert len(networks) == DRAWN + len(GIVEN[name])
    for i, (of, arch) in enumerate(networks):
        assert of == space
        with torch.no_grad():
            ours = network(logits["image"], arch)
        assert float((ours - logits[str(i)]).abs().max()) <= 1e-4 * float(ours.abs().max())
