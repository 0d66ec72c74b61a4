"""Training on WebDataset shards: resumed bit for bit, and evaluated on the same shards."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("webdataset", reason="the extra webdataset is not installed")

from bench.errors import InputError, InterruptedSweepError
from ofabench.options.accuracy import EvaluationOptions
from ofabench.options.augmentation import AugmentationOptions
from ofabench.options.train import TrainOptions
from ofabench.workflows.train.train import train
from tests.support.image_folders import make_folder
from tests.support.image_shards import make_shards
from tests.support.interrupting import CtrlCAtStep
from tests.support.micro_supernets import MICRO

SCHEDULE = """
name = "short"
momentum = 0.9
phases = [{name = "all", epochs = 3, lr = 0.05, batch = 8, subnets = 2, distillation = 1, \
sampling = "sandwich"}]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = make_folder(tmp_path / "images", train=20, val=4, side=16)
    return make_shards(tmp_path / "shards", folder)


@pytest.fixture
def options(tmp_path: Path) -> TrainOptions:
    path = tmp_path / "short.toml"
    path.write_text(SCHEDULE)
    return TrainOptions(
        schedule=str(path),
        threads=1,
        checkpoint_every_s=0.001,
        augmentation=AugmentationOptions(mixup=0.2, random_erasing=0.5),
    )


@pytest.mark.slow
def test_a_resumed_training_has_the_weights_of_an_undisturbed_one(
    root: Path, options: TrainOptions, tmp_path: Path
) -> None:
    whole = train(MICRO, str(root), out=tmp_path / "whole.safetensors", options=options)
    out = tmp_path / "stopped.safetensors"
    with pytest.raises(InterruptedSweepError):
        train(MICRO, str(root), out=out, options=options, progress=CtrlCAtStep(9))

    resumed = train(MICRO, str(root), out=out, options=replace(options, resume=True, workers=3))

    expected = whole.checkpoint.network
    assert all(torch.equal(expected[n], t) for n, t in resumed.checkpoint.network.items())
    assert whole.checkpoint.class_names == ("0", "1", "2")
    ends = [MICRO.smallest(), MICRO.largest()]
    measured = whole.evaluate(ends, options=EvaluationOptions(images=50))
    assert measured.to_dict()["calibration"] < 60  # all training images, fewer than a batch
    assert len(measured.frame) == 2


def test_data_without_a_validation_part_is_refused_and_nothing_written(
    root: Path, options: TrainOptions, tmp_path: Path
) -> None:
    (root / "val-0.tar").unlink()
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(InputError, match="has no val shards; expected train-"):
        train(MICRO, str(root), out=tmp_path / "s.safetensors", options=options)

    assert sorted(tmp_path.rglob("*")) == before
