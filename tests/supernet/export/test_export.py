"""`supernet.export.export`: files that compute what torch computes, and the cards beside them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from bench.backends.registry import get_backend
from bench.blocks.model import Model
from bench.blocks.torch_modules import build_network
from bench.errors import FileError, InputError
from bench.protocol.backend import Array, Backend, LoadedModel
from bench.protocol.target import Target
from supernet.export.export import ExportSpec, export, make_file, run_file
from supernet.export.model_card import Normalisation, card_path, read_exported
from supernet.export.network_file import StandaloneNetwork, save_network
from supernet.export.output_check import TOLERANCE
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")
ARCH = TINY.smallest(24)
BLOCKS = TINY.blocks(ARCH)
FORMATS = ("onnx", "tflite", "torch")


def network_with_statistics() -> nn.Sequential:
    """A network whose norms have statistics of their own, so that folding them matters."""
    import torch

    generator = torch.Generator().manual_seed(3)
    network = build_network(BLOCKS)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            module.weight.data.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
    return network.eval()


def cut_of(network: nn.Sequential) -> StandaloneNetwork:
    return StandaloneNetwork(
        space="tiny",
        arch=ARCH,
        blocks=BLOCKS,
        network=network,
        normalisation=Normalisation(mean=(0.3,), std=(0.25,)),
        provenance={"checkpoint": "net.pt"},
    )


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    return network_with_statistics()


@pytest.mark.parametrize("name", FORMATS)
def test_the_outputs_of_a_file_are_those_of_torch(
    name: str, network: nn.Sequential, tmp_path: Path
) -> None:
    import torch

    backend = get_backend(name)
    out = tmp_path / f"net{backend.file_suffix}"

    card = export(cut_of(network), ExportSpec(backend=backend), out)

    images = np.random.default_rng(9).standard_normal((3, 1, 24, 24), dtype=np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(images)).numpy()
    outputs = run_file(out.read_bytes(), backend, images)
    assert outputs == pytest.approx(expected, abs=TOLERANCE)
    assert card.largest_difference <= TOLERANCE


def test_the_card_describes_the_file(network: nn.Sequential, tmp_path: Path) -> None:
    out = tmp_path / "net.onnx"
    card = export(cut_of(network), ExportSpec(backend=get_backend("onnx")), out)

    content, read = read_exported(out)

    assert content == out.read_bytes()
    assert read == card
    stored = json.loads(card_path(out).read_text())
    assert stored["space"] == "tiny"
    assert stored["input_shape"] == [1, 1, 24, 24]
    assert stored["classes"] == 10
    assert stored["normalisation"] == {"mean": [0.3], "std": [0.25]}
    assert stored["macs"] == sum(block.macs for block in BLOCKS)
    assert stored["provenance"]["checkpoint"] == "net.pt"


def test_exporting_uses_evaluation_mode_and_leaves_the_network_in_training(tmp_path: Path) -> None:
    network = network_with_statistics().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}

    export(cut_of(network), ExportSpec(backend=get_backend("onnx")), tmp_path / "net.onnx")

    assert network.training
    assert all((value == before[name]).all() for name, value in network.state_dict().items())


class OffBackend:
    """A runtime whose outputs are off by a little."""

    name = "off"
    file_suffix = ".off"

    def __init__(self, inner: Backend, off: float) -> None:
        self._inner = inner
        self._off = off

    def version(self) -> str:
        return "1"

    def options(self) -> tuple[tuple[str, str], ...]:
        return ()

    def serialise(self, model: Model, batch: int = 1, precision: str = "fp32") -> bytes:
        return self._inner.serialise(model, batch)

    def load(self, model: Model, target: Target, *, seed: int = 0) -> LoadedModel:
        return self.load_file(self.serialise(model), target, seed=seed)

    def load_file(self, content: bytes, target: Target, *, seed: int = 0) -> LoadedModel:
        return Off(self._inner.load_file(content, target, seed=seed), self._off)


class Off:
    def __init__(self, inner: LoadedModel, off: float) -> None:
        self._inner = inner
        self._off = off

    def run(self) -> object:
        return self._inner.run()

    def infer(self, images: Array) -> Array:
        return np.asarray(self._inner.infer(images) + np.float32(self._off))


@pytest.mark.parametrize("off", [0.5, float("nan")])
def test_a_file_with_different_outputs_is_not_written(
    off: float, network: nn.Sequential, tmp_path: Path
) -> None:
    backend = OffBackend(get_backend("torch"), off)

    with pytest.raises(InputError, match=r"off file of fp32 differs .* nothing was written"):
        export(cut_of(network), ExportSpec(backend=backend), tmp_path / "net.off")

    assert list(tmp_path.iterdir()) == []


def test_the_difference_is_relative_to_large_outputs(network: nn.Sequential) -> None:
    backend = OffBackend(get_backend("torch"), 5e-5)

    made = make_file(cut_of(network), ExportSpec(backend=backend))

    assert 0 < made.difference.largest <= 5.1e-5


def test_a_file_changed_after_export_is_refused(network: nn.Sequential, tmp_path: Path) -> None:
    out = tmp_path / "net.onnx"
    export(cut_of(network), ExportSpec(backend=get_backend("onnx")), out)
    out.write_bytes(out.read_bytes() + b"x")

    with pytest.raises(FileError, match="is not the file that its card"):
        read_exported(out)


def test_a_card_of_an_earlier_version_is_read(network: nn.Sequential, tmp_path: Path) -> None:
    out = tmp_path / "net.onnx"
    export(cut_of(network), ExportSpec(backend=get_backend("onnx")), out)
    stored = json.loads(card_path(out).read_text())
    for new in ("precision", "size_bytes", "closeness", "calibration", "accuracies"):
        del stored[new]
    card_path(out).write_text(json.dumps(stored))

    _, card = read_exported(out)

    assert card.precision == "fp32"
    assert (card.size_bytes, card.closeness, card.accuracies) == (None, None, None)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("{}", "net.onnx.json is not a card of ours (format None, expected 'ofabench-card-1')"),
        ("[1]", "net.onnx.json is not a card of ours"),
        ('{"format": "other"}', "(format 'other', expected"),
        ('{"format": "ofabench-card-1"}', "net.onnx.json is a damaged card ('blocks')"),
    ],
)
def test_a_card_of_another_kind_is_refused_in_one_line(
    card: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "net.onnx").write_bytes(b"x")
    (tmp_path / "net.onnx.json").write_text(card)

    with pytest.raises(FileError, match=re.escape(message)) as raised:
        read_exported(tmp_path / "net.onnx")
    assert "ofabench export" in str(raised.value)


def test_a_card_with_damaged_numbers_is_refused_in_one_line(
    network: nn.Sequential, tmp_path: Path
) -> None:
    card = export(cut_of(network), ExportSpec(backend=get_backend("torch")), tmp_path / "net.pt")
    damaged = {**card.to_json(), "size_bytes": float("inf")}
    (tmp_path / "net.pt.json").write_text(json.dumps(damaged))

    with pytest.raises(FileError, match="damaged card"):
        read_exported(tmp_path / "net.pt")


def test_a_model_without_a_card_is_refused_with_an_explanation(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"x")

    with pytest.raises(FileError) as raised:
        read_exported(tmp_path / "net.onnx")
    assert str(raised.value) == (
        f"{tmp_path}/net.onnx has no card: expected net.onnx.json beside it, a JSON file that says "
        "which network the model is (its blocks, precision, image normalisation and SHA-256); "
        "`ofabench export` and `ofabench deploy` write it with the model, so copy it from there, "
        f"or export the network again; `ofabench measure {tmp_path}/net.onnx` measures it without "
        "a card"
    )


def test_a_file_that_is_no_model_is_named(network: nn.Sequential, tmp_path: Path) -> None:
    cut = cut_of(network)
    export(cut, ExportSpec(backend=get_backend("torch")), tmp_path / "net.pt")
    save_network(tmp_path / "net.safetensors", cut)

    with pytest.raises(FileError, match=r"net\.pt\.json is a card, not a model; give .*net\.pt$"):
        read_exported(tmp_path / "net.pt.json")
    with pytest.raises(FileError, match="holds weights in safetensors, expected a model file"):
        read_exported(tmp_path / "net.safetensors")
    with pytest.raises(FileError, match="is a folder; name the model file in it"):
        read_exported(tmp_path)
    with pytest.raises(FileError, match="cannot read"):
        read_exported(tmp_path / "nowhere.onnx")
