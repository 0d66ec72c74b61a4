"""`supernet.train.initial_weights`, and phases that train the head only: equality bit by bit."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.errors import FileError, InputError, InterruptedSweepError
from supernet.data.tensor_source import TensorSource
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, load_checkpoint, save_checkpoint
from supernet.train.initial_weights import InitialWeights, load_initial_weights
from supernet.train.run_options import RunOptions
from supernet.train.schedule import IMPORTED, Schedule
from supernet.train.trainer import train
from supernet.weights.elastic import SharedBlock
from supernet.weights.model import SuperNet
from tests.support.micro_supernets import MICRO
from tests.support.training_child import SPACE, make_images

STEM = "units.stem.block.main.conv.conv.weight"
CLASSIFIER = "units.head_classifier.block.main.linear"
HEAD = (f"{CLASSIFIER}.weight", f"{CLASSIFIER}.bias")
HEAD_PHASE = '{name = "head", trainable = "head", epochs = 2, lr = 0.1, batch = 32, subnets = 2}'
HEADER = 'name = "s"\nmomentum = 0.9\nweight_decay = 1e-2\nclip_norm = 1.0\n'


def save_weights(path: Path, space: SearchSpace = MICRO, **changes: Any) -> Path:
    """Write a supernet of random weights, biases and statistics."""
    generator = torch.Generator().manual_seed(6)
    state = SuperNet(space, seed=4).state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            state[name] = torch.rand(tensor.shape, generator=generator) + 0.5
        else:
            state[name] = torch.tensor(17)
    recipe = Recipe(space=space, schedule=Schedule.from_toml(IMPORTED), data="d", seed=4)
    checkpoint = Checkpoint(recipe=recipe, phase=0, epoch=0, network=state)
    save_checkpoint(path, replace(checkpoint, **changes))
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return save_weights(tmp_path / "weights.safetensors", class_names=("a", "b", "c"))


def space_with(*changes: tuple[str, str]) -> SearchSpace:
    text = SPACE.replace('"micro"', '"mine"')
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return SearchSpace.from_toml(text)


CLASSES = ("classes = 3", "classes = 5")
CHANNELS = ("in_channels = 1", "in_channels = 3")
SIZES = ("resolutions = [8, 12]", "resolutions = [12, 16, 20]")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), ()),
        ((SIZES,), ()),
        ((CLASSES,), HEAD),
        ((CHANNELS,), (STEM,)),
        ((CLASSES, CHANNELS, SIZES), (STEM, *HEAD)),
    ],
)
def test_only_the_named_tensors_are_initialised(
    weights: Path, changes: tuple[tuple[str, str], ...], expected: tuple[str, ...]
) -> None:
    space = space_with(*changes)

    initial = load_initial_weights(weights, space, seed=9)

    assert initial.record.reinitialised == expected
    old, fresh = load_checkpoint(weights).network, SuperNet(space, seed=9).state_dict()
    assert initial.network.keys() == fresh.keys()
    for name, tensor in initial.network.items():
        assert torch.equal(tensor, (fresh if name in expected else old)[name]), name
    SuperNet(space).load_state_dict(initial.network)
    record = initial.record
    assert (record.file, record.space) == ("weights.safetensors", "micro")
    assert record.class_names == ("a", "b", "c")
    assert record.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("space", "says"),
    [
        (space_with(("kernels = [3, 5]", "kernels = [3, 5, 7]")), "blocks or choices differ"),
        (space_with(("final_expand = 16", "final_expand = 24")), "blocks or choices differ"),
        (space_with(('act = "relu"', 'act = "hswish"')), "blocks or choices differ"),
        (space_with(("stem = {width = 8", "stem = {width = 16")), "blocks or choices differ"),
        (SearchSpace.load("ofa-resnet50d"), r"families mbconv and resnet"),
    ],
)
def test_weights_of_other_blocks_are_refused(weights: Path, space: SearchSpace, says: str) -> None:
    with pytest.raises(InputError, match=rf"of the space micro, which {space.name} .*{says}"):
        load_initial_weights(weights, space, seed=0)


def test_other_files_than_finished_supernets_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(FileError, match="cannot read"):
        load_initial_weights(path, MICRO, seed=0)
    path.write_bytes(b"nothing")
    with pytest.raises(FileError, match="is not a supernet"):
        load_initial_weights(path, MICRO, seed=0)
    torch.save({"a": 1}, path)
    with pytest.raises(FileError, match="read by `ofabench import-ofa`"):
        load_initial_weights(path, MICRO, seed=0)
    recipe = Recipe(space=MICRO, schedule=schedule_of(HEAD_PHASE), data="d")
    save_weights(path, recipe=recipe)
    with pytest.raises(InputError, match="not trained to the end"):
        load_initial_weights(path, MICRO, seed=0)


def schedule_of(*phases: str) -> Schedule:
    return Schedule.from_toml(f"{HEADER}phases = [{', '.join(phases)}]")


def run(
    schedule: Schedule, out: Path, initial: InitialWeights | None, **options: Any
) -> dict[str, Tensor]:
    """Train on 120 images, three steps of 32 an epoch; return the tensors in the file."""
    recipe = Recipe(space=MICRO, schedule=schedule, data="stripes")
    source = TensorSource(make_images(), "stripes")
    train(recipe, source, out, RunOptions(**options), None, initial)
    return load_checkpoint(out).network


def test_a_head_phase_leaves_all_other_tensors_bit_identical(weights: Path, tmp_path: Path) -> None:
    """Weights, statistics and their counts, in spite of weight decay and momentum."""
    initial = load_initial_weights(weights, MICRO, seed=0)

    result = run(schedule_of(HEAD_PHASE), tmp_path / "out.safetensors", initial)

    old = load_checkpoint(weights).network
    changed = {name for name in old if not torch.equal(old[name], result[name])}
    assert changed == {*HEAD}
    assert load_checkpoint(tmp_path / "out.safetensors").init == initial.record


def test_the_phase_after_the_head_trains_everything_in_the_same_channel_order(
    weights: Path, tmp_path: Path
) -> None:
    """A head phase on the largest network alone is no narrower phase, before which to sort."""
    initial = load_initial_weights(weights, MICRO, seed=0)
    head = HEAD_PHASE.replace("epochs = 2", "epochs = 1, expands = 1, depths = 1")
    rest = '{name = "all", epochs = 1, lr = LR, batch = 32}'
    still, moved = rest.replace("LR", "1e-30"), rest.replace("LR", "0.01")

    kept = run(schedule_of(head, still), tmp_path / "still.safetensors", initial)
    trained = run(schedule_of(head, moved), tmp_path / "moved.safetensors", initial)

    old = load_checkpoint(weights).network
    parameters = [name for name, _ in SuperNet(MICRO).named_parameters() if name not in HEAD]
    assert all(torch.equal(kept[name], old[name]) for name in parameters)
    assert not torch.equal(trained[STEM], old[STEM])
    statistics = STEM.replace("conv.weight", "norm.running_mean")
    assert not torch.equal(trained[statistics], old[statistics])


# Three steps an epoch: within the head phase, at its end, and in the second phase.
@pytest.mark.parametrize("steps", [2, 6, 7])
def test_a_resumed_training_ends_as_an_undisturbed_one(
    weights: Path, tmp_path: Path, steps: int
) -> None:
    schedule = schedule_of(HEAD_PHASE, '{name = "all", epochs = 1, lr = 0.01, batch = 32}')
    initial, out = load_initial_weights(weights, MICRO, seed=0), tmp_path / "out.safetensors"
    expected = run(schedule, tmp_path / "whole.safetensors", initial)
    stops = iter([False] * (steps - 1) + [True])
    with pytest.raises(InterruptedSweepError):
        run(schedule, out, initial, stop=lambda: next(stops))

    other = InitialWeights(record=replace(initial.record, sha256="0"), network={})
    before = out.read_bytes()
    with pytest.raises(InputError, match=r"began from other weights \(weights.safetensors\)"):
        run(schedule, out, other, resume=True)
    assert out.read_bytes() == before
    result = run(schedule, out, initial if steps == 2 else None, resume=True)

    assert all(torch.equal(result[name], tensor) for name, tensor in expected.items())
    assert load_checkpoint(out).init == initial.record


def test_a_training_from_random_weights_is_not_resumed_from_others(
    weights: Path, tmp_path: Path
) -> None:
    schedule = schedule_of('{name = "all", epochs = 1, lr = 0.01, batch = 32}')
    out = tmp_path / "out.safetensors"
    run(schedule, out, None)

    with pytest.raises(InputError, match=r"began from random weights, not from weights"):
        run(schedule, out, load_initial_weights(weights, MICRO, seed=0), resume=True)


def test_the_head_of_random_weights_is_not_trained_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"

    with pytest.raises(InputError, match=r"phase 'head' trains the head only, and .* by --init"):
        run(schedule_of(HEAD_PHASE), out, None)

    assert not list(tmp_path.iterdir())


def test_a_frozen_block_normalises_by_the_batch_without_a_trace() -> None:
    """In training mode its output is that of an unfrozen block; in evaluation mode too."""
    smallest = dict(MICRO.named_blocks(MICRO.smallest()))
    name = next(unit.name for unit in MICRO.units if unit.place is not None)
    specs = [MICRO.unit_specs()[name], smallest[name]]
    shared = SharedBlock(specs[0], smallest_kernel=3)
    generator = torch.Generator().manual_seed(0)
    shared.load_state_dict(
        {
            key: torch.rand(tensor.shape, generator=generator).to(tensor)
            for key, tensor in shared.state_dict().items()
        }
    )
    images = torch.rand((4, 8, 6, 6), generator=generator)
    for spec in specs:
        before = {name: tensor.clone() for name, tensor in shared.state_dict().items()}

        frozen = shared.train()(images, spec, frozen=True)

        after = shared.state_dict()
        assert not frozen.requires_grad
        assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
        in_evaluation = shared.eval()(images, spec, frozen=True)
        torch.testing.assert_close(in_evaluation, shared(images, spec))
        torch.testing.assert_close(frozen, shared.train()(images, spec))
        assert not torch.allclose(frozen, in_evaluation)
        changed = shared.state_dict()
        assert not all(torch.equal(changed[name], tensor) for name, tensor in before.items())


def test_notes_name_new_and_kept_weights(weights: Path) -> None:
    schedule, names = schedule_of(HEAD_PHASE), ("x", "y", "z")

    same = load_initial_weights(weights, MICRO, seed=0)
    first = f"initial weights: weights.safetensors (SHA-256 {same.record.sha256[:12]}...)"
    assert same.notes(schedule, ("a", "b", "c"), "d") == [f"{first}; re-initialised: none"]
    assert same.notes(schedule, names, "d")[1:] == [
        "the classes of weights.safetensors are a, b, c, those of the data d are x, y, z: their "
        "number is equal, so the head is kept as it was trained"
    ]
    other = load_initial_weights(weights, space_with(CLASSES, CHANNELS), seed=0)
    assert other.notes(schedule, ("v", *names, "w"), "d") == [
        f"{first}; re-initialised: {STEM}, {HEAD[0]}, {HEAD[1]}",
        f"phase 'head' trains the head only: the re-initialised {STEM} are not trained in it",
    ]
