"""The validation curve: what is evaluated, and that training does not depend on it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from supernet.data.dataset import Dataset, resize
from supernet.data.tensor_source import TensorSource
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Recipe
from supernet.train.log import read_log
from supernet.train.recalibrate import correct_answers, recalibrate
from supernet.train.run_options import RunOptions
from supernet.train.schedule import Schedule
from supernet.train.trainer import train
from supernet.train.validation import IMAGES, Validation
from supernet.weights.model import SuperNet
from tests.support.training_child import SPACE, make_images

ENDS = {
    "largest": SearchSpace.from_toml(SPACE).largest(),
    "smallest": SearchSpace.from_toml(SPACE).smallest(),
}
SCHEDULE = """
name = "short"
phases = [{name = "all", epochs = 2, lr = 0.05, batch = 40, subnets = 2}]
"""


def _recipe() -> Recipe:
    space, schedule = SearchSpace.from_toml(SPACE), Schedule.from_toml(SCHEDULE)
    return Recipe(space=space, schedule=schedule, data="stripes")


def _train(out: Path, validation: Validation | None) -> SuperNet:
    running = RunOptions(validation=validation)
    return train(_recipe(), TensorSource(make_images(), "stripes"), out, running)


def test_every_epoch_has_an_accuracy_and_equal_weights(tmp_path: Path) -> None:
    images = make_images()
    with_curve = _train(tmp_path / "a.safetensors", Validation(lambda: images, ENDS))
    without = _train(tmp_path / "b.safetensors", None)

    weights, same = with_curve.state_dict(), without.state_dict()
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    lines = read_log(tmp_path / "a.jsonl")
    curve = [line for line in lines if line["kind"] == "validation"]
    assert [(line["phase"], line["epoch"], line["network"]) for line in curve] == [
        (0, 0, "largest"),
        (0, 0, "smallest"),
        (0, 1, "largest"),
        (0, 1, "smallest"),
    ]
    steps = [line["step"] for line in lines if line["kind"] == "steps"]
    assert [line["step"] for line in curve] == [max(steps)] * 4
    # The last accuracies are those of the trained networks, by the evaluation that others use.
    for line in curve[-2:]:
        arch = ENDS[line["network"]]
        network = with_curve.extract(arch)
        recalibrate(network, resize(images.images, arch.resolution), min(200, len(images)))
        expected = correct_answers(network, images, arch.resolution).mean()
        assert (line["accuracy"], line["images"]) == (expected, len(images))
    assert lines[0]["networks"] == {name: arch.to_json() for name, arch in ENDS.items()}
    assert [line["kind"] for line in read_log(tmp_path / "b.jsonl")].count("validation") == 0


def _many(images: Dataset, times: int) -> Dataset:
    return replace(
        images,
        images=images.images.repeat(times, 1, 1, 1),
        labels=images.labels.repeat(times),
        groups=images.groups.repeat(times),
    )


def test_a_large_part_is_subsampled_once_and_a_tiny_one_has_no_accuracy() -> None:
    images, calls = make_images(), []

    def every() -> Dataset:
        calls.append(1)
        return _many(images, 1 + IMAGES // len(images))

    supernet = SuperNet(SearchSpace.from_toml(SPACE))
    validation = Validation(every, ENDS)

    first, second = validation.evaluate(supernet), validation.evaluate(supernet)

    assert first == second
    assert [(each.network, each.images) for each in first] == [
        ("largest", IMAGES),
        ("smallest", IMAGES),
    ]
    assert len(calls) == 1
    alone = images.subset(1, np.random.default_rng(0))
    assert Validation(lambda: alone, ENDS).evaluate(supernet) == ()
