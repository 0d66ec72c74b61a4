"""`ofabench.train`: torch Datasets, resuming, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import FileError, InputError, InterruptedSweepError
from ofabench.options.train import TrainOptions
from ofabench.workflows.train.supernet import SuperNet, load_supernet
from ofabench.workflows.train.train import train
from supernet.data.open_data import open_data
from supernet.train import trainer
from supernet.train.callbacks import TrainingEpoch, TrainingProgress
from supernet.train.checkpoint import Recipe
from supernet.train.log import read_log
from supernet.train.schedule import Schedule
from tests.support.micro_supernets import MICRO, micro_dataset, micro_images

SCHEDULE = """
name = "short"
phases = [
    {name = "full", epochs = 1, lr = 0.1, batch = 50, depths = 1, kernels = 1, expands = 1},
    {name = "all", epochs = 2, lr = 0.05, batch = 100},
]
"""


class Steps:
    """A progress that counts."""

    def __init__(self) -> None:
        self.total = self.done = self.closed = 0

    def start(self, total: int, what: str) -> None:
        assert what == "train micro"
        self.total = total

    def advance(self, steps: int = 1, note: str = "") -> None:
        del note
        self.done += steps

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    path = tmp_path_factory.mktemp("schedule") / "short.toml"
    path.write_text(SCHEDULE)
    return TrainOptions(schedule=str(path), seed=7, threads=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, options: TrainOptions) -> SuperNet:
    out = tmp_path_factory.mktemp("trained") / "s.safetensors"
    pair = (micro_dataset(200), micro_dataset(60, seed=1))
    return train(MICRO, pair, out=out, options=options)


def test_a_pair_of_datasets_trains_as_the_trainer_does(
    trained: SuperNet, options: TrainOptions, tmp_path: Path
) -> None:
    """A tenth of the 200 is held out for the test: 180 images make 3 steps, then 1 and 1."""
    assert trained.finished
    assert [record.phase for record in trained.records] == ["full", "all", "all"]
    assert [record.images for record in trained.records] == [150, 100, 100]
    assert (len(trained.images.train_source), len(trained.images.validation)) == (180, 60)

    parts = open_data((micro_dataset(200), micro_dataset(60, seed=1)), MICRO)
    recipe = Recipe(space=MICRO, schedule=Schedule.load(options.schedule), data=parts.name, seed=7)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    expected = trainer.train(recipe, parts.train_source, tmp_path / "e.safetensors").state_dict()
    torch.set_num_threads(before)

    assert trained.checkpoint.data == parts.name
    result = trained.checkpoint.network
    assert all(torch.equal(result[name], tensor) for name, tensor in expected.items())


class Figures(Steps):
    """A progress that is shown the figures of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[TrainingProgress] = []

    def show_step(self, step: TrainingProgress) -> None:
        assert len(self.steps) == self.done
        self.steps.append(step)


def test_each_step_is_shown_with_its_figures(
    trained: SuperNet, options: TrainOptions, tmp_path: Path
) -> None:
    """180 images: 3 steps of 50, then one of 100 in each of two epochs; one network a step."""
    figures = Figures()
    pair = (micro_dataset(200), micro_dataset(60, seed=1))
    train(MICRO, pair, out=tmp_path / "s.safetensors", options=options, progress=figures)

    steps = figures.steps
    assert [(step.phase, step.phase_number, step.epoch) for step in steps] == [
        ("full", 1, 1),
        ("full", 1, 1),
        ("full", 1, 1),
        ("all", 2, 1),
        ("all", 2, 2),
    ]
    assert {(step.phases, step.epochs) for step in steps} == {(2, 1), (2, 2)}
    left = [step.seconds_left * step.images_per_s for step in steps]
    assert left == pytest.approx([300, 250, 200, 100, 0])
    # Whole numbers of images are right.
    right = [
        step.accuracy * images for step, images in zip(steps, (50, 50, 50, 100, 100), strict=True)
    ]
    assert right == pytest.approx([round(count) for count in right])
    assert all(0 < step.accuracy < 1 for step in steps)
    losses = [record.loss for record in trained.records]
    assert sum(step.loss for step in steps[:3]) / 3 == pytest.approx(losses[0])
    assert [step.loss for step in steps[3:]] == pytest.approx(losses[1:])


def test_callbacks_get_every_epoch_with_the_accuracies_of_the_log(
    trained: SuperNet, options: TrainOptions, tmp_path: Path
) -> None:
    first: list[TrainingEpoch] = []
    second: list[TrainingEpoch] = []
    pair, out = (micro_dataset(200), micro_dataset(60, seed=1)), tmp_path / "s.safetensors"
    train(MICRO, pair, out=out, options=options, callbacks=[first.append, second.append])

    assert first == second
    assert [epoch.loss for epoch in first] == [record.loss for record in trained.records]
    names = ["largest", "smallest", "random 1", "random 2", "random 3"]
    assert [[each.network for each in epoch.accuracies] for epoch in first] == [names] * 3
    lines = [line for line in read_log(out.with_suffix(".jsonl")) if line["kind"] == "validation"]
    assert [(line["network"], line["accuracy"]) for line in lines] == [
        (each.network, each.accuracy) for epoch in first for each in epoch.accuracies
    ]


def test_what_is_no_callback_is_refused_before_anything_is_written(
    options: TrainOptions, tmp_path: Path
) -> None:
    for wrong in (print, [print, "later"]):
        with pytest.raises(InputError, match="expected a list of functions that take an epoch"):
            train(
                MICRO,
                micro_dataset(),
                out=tmp_path / "s.safetensors",
                options=options,
                callbacks=wrong,  # type: ignore[arg-type]
            )

    assert not list(tmp_path.glob("s.*"))


def test_it_is_shown_as_a_table_and_as_values(trained: SuperNet) -> None:
    lines = repr(trained).splitlines()
    assert lines[0].split() == [
        "phase",
        "epochs",
        "loss",
        "of",
        "the",
        "last",
        "sub-network",
        "images",
        "a",
        "second",
    ]
    assert [line.split()[:2] for line in lines[1:3]] == [["full", "1"], ["all", "2"]]
    assert lines[-1].endswith(f"s: {trained.path}")

    data = json.loads(json.dumps(trained.to_dict()))
    assert (data["space"], data["seed"], data["finished"]) == ("micro", 7, True)
    assert [phase["epochs"] for phase in data["phases"]] == [1, 2]
    assert trained._repr_html_().count("<tr>") == 3


def test_a_finished_training_is_resumed_and_not_overwritten(
    trained: SuperNet, options: TrainOptions
) -> None:
    before = trained.path.read_bytes()
    pair = (micro_dataset(200), micro_dataset(60, seed=1))

    with pytest.raises(InputError, match="exists already"):
        train(MICRO, pair, out=trained.path, options=options)
    resumed = TrainOptions(**{**options.to_dict(), "resume": True})
    again = train(MICRO, pair, out=trained.path, options=resumed)
    with pytest.raises(InputError, match="the checkpoint's data is torch:dataset:"):
        train(MICRO, micro_dataset(200, seed=3), out=trained.path, options=resumed)

    assert again.records == trained.records
    assert trained.path.read_bytes() == before


def test_progress_shows_steps_and_stdout_is_empty(
    options: TrainOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps, out = Steps(), tmp_path / "s.safetensors"

    train(MICRO, micro_images(200), out=out, options=options, progress=steps)

    # A tenth of the 200 for validation, a tenth for the test: 160 are left.
    assert (steps.total, steps.done, steps.closed) == (5, 5, 1)
    assert capsys.readouterr() == ("", "")
    assert load_supernet(out).checkpoint.class_names == ("a", "b", "c")


def test_a_stopped_training_names_the_command_to_resume(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "train", stopped)
    before = torch.get_num_threads()

    with pytest.raises(InterruptedSweepError, match="at the last checkpoint: continue"):
        train(MICRO, micro_dataset(), out=tmp_path / "s.safetensors", options=options)

    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"space": 3}, "the space is int 3, expected a name, a .toml file or a SearchSpace"),
        ({"space": "nope"}, "unknown space 'nope'"),
        ({"data": 3}, "the data is a int, expected the name of a data set, a folder"),
        ({"data": "nope"}, "no data set 'nope'"),
        ({"data": (micro_dataset(),)}, "the data is a tuple, expected the name of a data set"),
        ({"data": (micro_dataset(), 3)}, "the validation Dataset is a int, expected a torch"),
        ({"out": 3}, "out is 3, expected the path of the supernet's file"),
        ({"options": {"seed": 1}}, "options is {'seed': 1}, expected TrainOptions"),
    ],
)
def test_wrong_types_are_refused_with_the_expected_ones(
    change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    given = {"space": MICRO, "data": micro_dataset(), "out": tmp_path / "s.safetensors", **change}

    with pytest.raises(InputError) as error:
        train(given.pop("space"), given.pop("data"), **given)

    assert says in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"device": "tpu"}, "expected cpu, cuda or cuda:N"),
        ({"latency": ["p"]}, "got 1 --latency and 0 --max-latency-ms"),
        ({"latency_focus": "best-up"}, "compares sub-networks by a --latency"),
        ({"latency_focus": "best"}, "latency_focus is 'best', expected one of best-up, worst-up"),
        ({"schedule": 3}, "schedule is 3, expected a text"),
    ],
)
def test_options_that_do_not_fit_together(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as error:
        TrainOptions(**given)
    assert says in str(error.value)


def test_other_files_than_supernets_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"nothing")

    with pytest.raises(FileError, match="is not a supernet"):
        load_supernet(tmp_path / "s")
    with pytest.raises(FileError, match="cannot read"):
        load_supernet(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="path is 3, expected a supernet's file"):
        load_supernet(3)  # type: ignore[arg-type]
