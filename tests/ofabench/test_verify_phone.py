"""`ofabench verify` on a phone: files of every precision, measured and computed there.

The pocket phone runs the real runner, built for this machine.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.blocks.torch_modules import network_of
from ofabench.cli import main as cli
from supernet.export.export import ExportSpec, export
from supernet.export.model_card import Normalisation
from supernet.export.network_file import StandaloneNetwork
from supernet.space.space import SearchSpace
from tests.pocket_phone.phone import PocketPhone
from tests.support.pocket_phones import pocket_note8

TINY = SearchSpace.load("tiny")
ARCH = TINY.smallest(24)
BLOCKS = TINY.blocks(ARCH)


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PocketPhone]:
    with pocket_note8(tmp_path / "phone", monkeypatch) as note8:
        yield note8


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_file_is_measured_and_run_on_a_phone(
    precision: str, phone: PocketPhone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.random.default_rng(0).standard_normal((8, 1, 24, 24), dtype=np.float32)
    form = ExportSpec(backend=get_backend("tflite"), precision=precision, calibration=images)
    cut = StandaloneNetwork(
        space="tiny",
        arch=ARCH,
        blocks=BLOCKS,
        network=network_of(random_model(BLOCKS)),
        normalisation=Normalisation(mean=(0.3,), std=(0.25,)),
    )
    export(cut, form, tmp_path / "net.tflite")
    quick = ("--loads", "2", "--passes", "2", "--cores", "any", "--force")
    argv = ["verify", str(tmp_path / "net.tflite"), "--device", phone.address, *quick]

    assert cli.main([*argv, "--json"]) == 0

    data = json.loads(capsys.readouterr().out)
    assert f"/{precision}/" in data["target"]
    assert data["measured"]["ms"] > 0
    assert data["on_device"]["images"] == 4
    assert data["on_device"]["agreement"] == 1.0
    assert data["on_device"]["largest"] < 1e-2
