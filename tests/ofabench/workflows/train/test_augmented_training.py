"""Training with augmentation: it resumes bit for bit, and only with the same augmentation."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.errors import InputError, InterruptedSweepError
from ofabench.options.augmentation import AugmentationOptions
from ofabench.options.train import TrainOptions
from ofabench.workflows.train.supernet import SuperNet
from ofabench.workflows.train.train import train
from supernet.data.torch_dataset import TorchData
from supernet.train.checkpoint import WHAT, load_checkpoint
from supernet.weights.tensor_file import load_tensors, save_tensors
from tests.support.interrupting import CtrlCAtStep
from tests.support.micro_supernets import MICRO, micro_images

# A teacher of whole batches, and in the last phase one in place.
SCHEDULE = """
name = "short"
momentum = 0.9
label_smoothing = 0.1
phases = [
    {name = "full", epochs = 1, lr = 0.1, batch = 60, depths = 1, kernels = 1, expands = 1},
    {name = "all", epochs = 1, lr = 0.05, batch = 40, subnets = 2, distillation = 1},
    {name = "last", epochs = 1, lr = 0.05, batch = 60, subnets = 2, distillation = 1, \
sampling = "sandwich"},
]
"""
ALL = AugmentationOptions(rand_augment=9, mixup=0.2, cutmix=1, random_erasing=0.25)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    path = tmp_path_factory.mktemp("schedule") / "short.toml"
    path.write_text(SCHEDULE)
    return TrainOptions(schedule=str(path), threads=1, augmentation=ALL, checkpoint_every_s=0.001)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, options: TrainOptions) -> SuperNet:
    out = tmp_path_factory.mktemp("trained") / "s.safetensors"
    return train(MICRO, micro_images(), out=out, options=options)


@pytest.mark.parametrize("step", [3, 7, 12])  # within each phase
def test_a_resumed_training_has_the_weights_of_an_undisturbed_one(
    trained: SuperNet, options: TrainOptions, tmp_path: Path, step: int
) -> None:
    out = tmp_path / "s.safetensors"
    with pytest.raises(InterruptedSweepError):
        train(MICRO, micro_images(), out=out, options=options, progress=CtrlCAtStep(step))

    resumed = train(MICRO, micro_images(), out=out, options=replace(options, resume=True))

    expected = trained.checkpoint.network
    assert all(torch.equal(expected[n], t) for n, t in resumed.checkpoint.network.items())
    assert [r.loss for r in resumed.records] == [r.loss for r in trained.records]


def test_the_augmentation_is_recorded_and_another_is_refused(
    trained: SuperNet, options: TrainOptions, tmp_path: Path
) -> None:
    text = "rand-augment 9 x 2, random erasing 0.25, mixup 0.2, cutmix 1"
    assert trained.to_dict()["augmentation"] == text
    (run, *_) = trained.path.with_suffix(".jsonl").read_text().splitlines()
    assert json.loads(run)["augmentation"] == text
    before = trained.path.read_bytes()

    other = replace(options, resume=True, augmentation=replace(ALL, mixup=0.3))
    with pytest.raises(InputError, match=r"augmentation is .*mixup 0.2.* not .*mixup 0.3"):
        train(MICRO, micro_images(), out=trained.path, options=other)

    assert trained.path.read_bytes() == before


def test_a_file_from_before_there_was_augmentation_is_read(
    trained: SuperNet, tmp_path: Path
) -> None:
    metadata, groups = load_tensors(trained.path, what=WHAT)
    old = tmp_path / "old.safetensors"
    del metadata["augmentation"]
    save_tensors(old, what=WHAT, metadata=metadata, **groups)

    assert load_checkpoint(old).recipe == replace(trained.checkpoint.recipe, augmentation="")


def test_without_augmentation_the_weights_are_others(
    trained: SuperNet, options: TrainOptions, tmp_path: Path
) -> None:
    plain = replace(options, augmentation=AugmentationOptions())

    other = train(MICRO, micro_images(), out=tmp_path / "plain.safetensors", options=plain)

    assert other.to_dict()["augmentation"] == ""
    assert any(
        not torch.equal(other.checkpoint.network[name], tensor)
        for name, tensor in trained.checkpoint.network.items()
    )


def test_data_of_the_user_is_augmented_too(options: TrainOptions, tmp_path: Path) -> None:
    data = TorchData(train=micro_images().train, in_memory=False)
    once = replace(options, augmentation=AugmentationOptions(cutmix=1))

    supernet = train(MICRO, data, out=tmp_path / "s.safetensors", options=once)

    assert supernet.finished
