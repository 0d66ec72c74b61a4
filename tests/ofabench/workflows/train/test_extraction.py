"""`ofabench.workflows.train.extraction` with torch Datasets of one's own, open already."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

from bench.backends.registry import get_backend
from bench.errors import InputError
from ofabench.workflows.train.extraction import load_extracted
from ofabench.workflows.train.supernet import load_supernet
from supernet.data.dataset import score
from supernet.data.open_data import open_data
from supernet.data.torch_dataset import TorchData, TorchParts
from supernet.export.export import ExportSpec, export
from supernet.export.model_card import read_exported
from supernet.export.network_file import save_network
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.recalibrate import correct_answers
from supernet.train.schedule import Schedule
from supernet.verification.accuracy_evaluation import AccuracyEvaluation
from supernet.weights.model import SuperNet
from tests.support.training_child import SPACE

MICRO = SearchSpace.from_toml(SPACE)


def noise(seed: int) -> TorchParts:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (300, 1, 12, 12), dtype=torch.uint8, generator=generator)
    data = TorchData(train=TensorDataset(images, torch.arange(300) % 3), name="mine")
    parts = open_data(data, MICRO)
    assert isinstance(parts, TorchParts)
    return parts


@pytest.fixture(scope="module")
def parts() -> TorchParts:
    return noise(0)


@pytest.fixture
def checkpoint(parts: TorchParts, tmp_path: Path) -> Path:
    path = tmp_path / "supernet.safetensors"
    recipe = Recipe(space=MICRO, schedule=Schedule.load("digits"), data=parts.name)
    phases = len(recipe.schedule.phases)
    state = SuperNet(MICRO, 0).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=phases, epoch=0, network=state))
    return path


def test_a_network_is_cut_out_and_read_back_on_its_data(
    checkpoint: Path, parts: TorchParts, tmp_path: Path
) -> None:
    net = tmp_path / "network.safetensors"

    cut = load_supernet(checkpoint).extract("smallest", data=parts)
    save_network(net, cut.network)
    again = load_extracted(net, parts, images=True)

    assert cut.data is again.data is parts
    assert cut.network.normalisation.mean == parts.mean
    assert cut.network.normalisation.std == parts.spread
    assert again.network.provenance["data"] == parts.name


def test_data_in_memory_must_be_given_again(checkpoint: Path) -> None:
    with pytest.raises(InputError, match="is a torch Dataset, which no name opens; pass the Data"):
        load_supernet(checkpoint).extract("smallest")


def test_a_network_is_not_read_on_images_prepared_otherwise(
    checkpoint: Path, parts: TorchParts, tmp_path: Path
) -> None:
    net, other = tmp_path / "network.safetensors", noise(1)
    save_network(net, load_supernet(checkpoint).extract("smallest", data=parts).network)

    with pytest.raises(InputError, match=f"data {other.name} has"):
        load_extracted(net, other, images=True)


def test_an_exported_file_is_judged_on_the_test_items(
    checkpoint: Path, parts: TorchParts, tmp_path: Path
) -> None:
    out = tmp_path / "net.onnx"
    network = load_supernet(checkpoint).extract("largest", data=parts).network
    export(network, ExportSpec(backend=get_backend("onnx")), out)
    content, card = read_exported(out)

    result = AccuracyEvaluation.on(parts, card)(content)

    (test,) = parts.test.chunks(100)
    assert len(test) == 30
    assert result == score(correct_answers(network.network, test, 12), test.groups.numpy())
    with pytest.raises(InputError, match="the network was exported for images prepared by"):
        AccuracyEvaluation.on(noise(1), card)
