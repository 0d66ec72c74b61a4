"""`supernet.train.trainer`: it learns, is reproducible, and resumes with equal results."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from bench.errors import FileError, InputError
from supernet.data.dataset import Dataset
from supernet.data.tensor_source import TensorSource
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import (
    Checkpoint,
    Recipe,
    load_checkpoint,
    load_trained,
    save_checkpoint,
)
from supernet.train.distill import loss_of
from supernet.train.recalibrate import correct_answers, recalibrate
from supernet.train.run_options import RunOptions
from supernet.train.schedule import Schedule
from supernet.train.trainer import train
from supernet.weights.model import SuperNet
from tests.support.measured_accuracy import measure_accuracy
from tests.support.training_child import SPACE, make_images

SCHEDULE = """
name = "short"
momentum = 0.9
weight_decay = 1e-4
label_smoothing = 0.1
phases = [
    {name = "full", epochs = 5, lr = 0.1, batch = 32, depths = 1, kernels = 1, expands = 1},
    {name = "some", epochs = 1, lr = 0.05, batch = 32, subnets = 2, distillation = 1, expands = 2},
    {name = "all", epochs = 3, lr = 0.05, batch = 32, subnets = 2, distillation = 1},
]
"""
BATCH = 40


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    space, schedule = SearchSpace.from_toml(SPACE), Schedule.from_toml(SCHEDULE)
    return Recipe(space=space, schedule=schedule, data="stripes")


@pytest.fixture(scope="module")
def trained(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "supernet.safetensors"
    run(recipe, make_images(), path)
    return path


def run(recipe: Recipe, images: Dataset, out: Path, **options: Any) -> SuperNet:
    return train(recipe, TensorSource(images, recipe.data), out, RunOptions(**options))


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class StopsAfter:
    """Progress that interrupts, as Ctrl-C does, after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def start(self, total: int, what: str) -> None:
        del total, what

    def advance(self, steps: int = 1, note: str = "") -> None:
        del note
        self.left -= steps
        if self.left < 0:
            raise KeyboardInterrupt

    def close(self) -> None:
        pass


def test_sub_networks_learn(trained: Path) -> None:
    checkpoint = load_trained(trained)
    supernet, fresh = checkpoint.supernet(), make_images(n=60, seed=1)

    for arch in (checkpoint.space.largest(), checkpoint.space.smallest()):
        score = measure_accuracy(supernet, arch, make_images(n=200).images, fresh)
        assert score.accuracy > 0.8  # chance is 0.33

    assert [record.phase for record in checkpoint.records] == ["full"] * 5 + ["some"] + ["all"] * 3
    assert checkpoint.records[1].images == 3 * 32
    assert checkpoint.records[-1].images == 3 * 32 * 2


def test_the_same_recipe_gives_the_same_weights_and_another_seed_others(
    recipe: Recipe, trained: Path, tmp_path: Path
) -> None:
    torch.manual_seed(123)
    run(recipe, make_images(), tmp_path / "again.safetensors")
    run(replace(recipe, seed=1), make_images(), tmp_path / "other.safetensors")

    network = load_checkpoint(trained).network
    assert same(load_checkpoint(tmp_path / "again.safetensors").network, network)
    assert not same(load_checkpoint(tmp_path / "other.safetensors").network, network)


# Three steps an epoch: within the first phase, at its end, in the second and in the third.
@pytest.mark.parametrize("steps", [4, 15, 17, 20])
def test_a_resumed_training_ends_as_an_undisturbed_one(
    recipe: Recipe, trained: Path, tmp_path: Path, steps: int
) -> None:
    out, images = tmp_path / "supernet.safetensors", make_images()
    with pytest.raises(KeyboardInterrupt):
        run(recipe, images, out, progress=StopsAfter(steps))
    stopped = load_checkpoint(out)
    assert len(stopped.records) == steps // 3

    run(recipe, images, out, resume=True)

    assert same(load_checkpoint(out).network, load_checkpoint(trained).network)


def test_resuming_a_finished_training_changes_nothing(recipe: Recipe, trained: Path) -> None:
    before = trained.read_bytes()

    run(recipe, make_images(), trained, resume=True)

    assert trained.read_bytes() == before


def test_labels_of_other_classes_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    out, images = tmp_path / "supernet.safetensors", make_images()

    def resume(*names: str, **options: Any) -> None:
        train(recipe, TensorSource(images, recipe.data, names), out, RunOptions(**options))

    with pytest.raises(KeyboardInterrupt):
        resume(progress=StopsAfter(4))
    assert load_checkpoint(out).class_names == ()
    with pytest.raises(KeyboardInterrupt):  # a file from before names were kept takes them
        resume("a", "b", "c", resume=True, progress=StopsAfter(7))
    before = out.read_bytes()
    assert load_checkpoint(out).class_names == ("a", "b", "c")
    with pytest.raises(InputError, match="the network's classes are a, b, c, those of the data"):
        resume("a", "b", "d", resume=True)
    assert out.read_bytes() == before


@pytest.mark.parametrize("field", ["seed", "data", "schedule", "space"])
def test_another_training_is_not_resumed(recipe: Recipe, trained: Path, field: str) -> None:
    others = {
        "seed": replace(recipe, seed=7),
        "data": replace(recipe, data="others"),
        "schedule": replace(recipe, schedule=Schedule.from_toml(SCHEDULE + "\n# changed")),
        "space": replace(recipe, space=SearchSpace.from_toml(SPACE + "\n# changed")),
    }
    before = trained.read_bytes()

    with pytest.raises(InputError, match=f"the checkpoint's {field} is"):
        run(others[field], make_images(), trained, resume=True)

    assert trained.read_bytes() == before


def test_a_space_that_does_not_fit_the_data_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    space = SearchSpace.from_toml(SPACE.replace("classes = 3", "classes = 4"))

    with pytest.raises(InputError, match="4 classes, the data 1 and 3"):
        run(replace(recipe, space=space), make_images(), tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="batches of 32, the data has 30 images"):
        run(recipe, make_images(n=30), tmp_path / "x.safetensors")

    assert not list(tmp_path.iterdir())


def test_a_diverging_training_is_reported(recipe: Recipe, tmp_path: Path) -> None:
    schedule = Schedule.from_toml(SCHEDULE.replace("lr = 0.1", "lr = 3e4"))

    with pytest.raises(InputError, match="diverged in phase 'full'"):
        run(replace(recipe, schedule=schedule), make_images(), tmp_path / "x.safetensors")


def test_an_unwritable_file_is_refused_before_training(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot write"):
        run(recipe, make_images(), tmp_path / "none" / "x.safetensors", progress=StopsAfter(0))


def test_a_checkpoint_reads_back_whole(trained: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(trained)

    save_checkpoint(tmp_path / "copy.safetensors", checkpoint)

    again = load_checkpoint(tmp_path / "copy.safetensors")
    assert (again.recipe, again.records) == (checkpoint.recipe, checkpoint.records)
    assert same(again.network, checkpoint.network)
    assert same(again.teacher, checkpoint.teacher)


def test_a_file_that_is_no_checkpoint_is_refused(trained: Path, tmp_path: Path) -> None:
    whole, path = trained.read_bytes(), tmp_path / "bad.safetensors"
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes(b ^ 255 for b in whole[middle : middle + 9])
    for content in (b"", b"text", whole[:-100], whole[:middle], damaged + whole[middle + 9 :]):
        path.write_bytes(content)
        with pytest.raises(FileError, match=r"bad\.safetensors is"):
            load_checkpoint(path)
    torch.save({"a": 1}, path)
    with pytest.raises(FileError, match="is a torch file"):
        load_checkpoint(path)
    path.write_bytes(save({"a": torch.zeros(1)}))
    with pytest.raises(FileError, match="another program"):
        load_checkpoint(path)
    with pytest.raises(FileError, match="cannot read"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_tensors_of_another_space_are_refused(trained: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(trained)
    network = {**checkpoint.network}
    network.popitem()
    save_checkpoint(tmp_path / "bad.safetensors", replace(checkpoint, network=network))

    with pytest.raises(FileError, match="tensors are not those of its space"):
        load_checkpoint(tmp_path / "bad.safetensors")


def test_an_unfinished_training_is_not_used(recipe: Recipe, tmp_path: Path) -> None:
    state = SuperNet(recipe.space).state_dict()
    checkpoint = Checkpoint(recipe=recipe, phase=1, epoch=0, network=state)
    save_checkpoint(tmp_path / "begun.safetensors", checkpoint)

    with pytest.raises(InputError, match="1 of 3 phases"):
        load_trained(tmp_path / "begun.safetensors")


def test_recalibration_averages_mean_and_variance_over_batches() -> None:
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(1))
    images = torch.cat(
        [torch.full((2, 1, 1, 2), 1.0), torch.tensor([0.0, 4.0, 8.0, 12.0] * 1).reshape(2, 1, 1, 2)]
    )
    network[0].running_mean.fill_(99)  # type: ignore[operator]

    recalibrate(network, images, batch=2)

    norm = network[0]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.running_mean.tolist() == [pytest.approx((1.0 + 6.0) / 2)]
    assert norm.running_var.tolist() == [pytest.approx((0.0 + 80.0 / 3) / 2)]
    assert not norm.training
    assert norm.momentum == 0.1


def test_recalibration_needs_a_batch() -> None:
    with pytest.raises(InputError, match="at least 200 images, got 3"):
        recalibrate(torch.nn.Sequential(), torch.zeros(3, 1, 4, 4))


def test_right_answers_are_counted_image_by_image() -> None:
    network = torch.nn.Flatten()  # the brightest of three pixels is the class
    images = torch.eye(3)[[0, 1, 1, 2]].reshape(4, 3, 1, 1)
    labels = torch.tensor([0, 1, 2, 2])
    dataset = Dataset(images=images, labels=labels, groups=torch.arange(4), classes=3)

    assert correct_answers(network, dataset, resolution=1, batch=3).tolist() == [1, 1, 0, 1]


def test_channels_are_sorted_where_a_phase_widens(recipe: Recipe, tmp_path: Path) -> None:
    still = SCHEDULE.replace("lr = 0.1", "lr = 1e-30").replace("lr = 0.05", "lr = 1e-30")
    first, out = SuperNet(recipe.space, recipe.seed), tmp_path / "still.safetensors"

    trained = run(replace(recipe, schedule=Schedule.from_toml(still)), make_images(), out)

    def importance(network: SuperNet) -> Tensor:
        weight = network.unit("s1.b1").block.get_parameter("main.project.conv.weight")
        return weight.detach().abs().sum(dim=(0, 2, 3))

    before, after = importance(first), importance(trained)
    # The second phase sorts all 32 channels; the third keeps the first 24, which then are sorted.
    assert not torch.equal(before, before.sort(descending=True).values)
    assert torch.equal(after, before.sort(descending=True).values)


def test_the_teacher_is_the_full_network_after_the_first_phase(
    recipe: Recipe, trained: Path, tmp_path: Path
) -> None:
    out, images = tmp_path / "supernet.safetensors", make_images()
    with pytest.raises(KeyboardInterrupt):
        run(recipe, images, out, progress=StopsAfter(18))  # after the phase "some"
    stopped = load_checkpoint(out)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, images, tmp_path / "first.safetensors", progress=StopsAfter(15))
    full = load_checkpoint(tmp_path / "first.safetensors")

    assert full.teacher == {}
    assert same(stopped.teacher, load_checkpoint(trained).teacher)
    # Channels were sorted in between; what does not depend on their order is as it was.
    old, new = full.network["units.stem.block.main.conv.conv.weight"], stopped.teacher
    assert torch.equal(new["0.main.conv.conv.weight"], old)


def test_the_loss_is_that_of_labels_plus_the_weighted_one_of_soft_labels() -> None:
    logits, labels = torch.tensor([[0.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    soft = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    log_half, log_rest = math.log(0.5), math.log(1 / (1 + math.e))

    loss = loss_of(logits, labels, label_smoothing=0.0, soft=soft, distillation=2.0)

    hard = -(log_half + (1 + log_rest)) / 2
    from_teacher = -(log_half + log_rest) / 2
    assert float(loss) == pytest.approx(hard + 2.0 * from_teacher)
