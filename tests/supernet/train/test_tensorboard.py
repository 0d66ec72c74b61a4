"""TensorBoard's events of a training: the log's lines, each once, also after a resume."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.errors import FileError, InputError, InterruptedSweepError
from supernet.data.tensor_source import TensorSource
from supernet.space.space import SearchSpace
from supernet.train.callbacks import TrainingEpoch
from supernet.train.checkpoint import Recipe
from supernet.train.log import read_log
from supernet.train.run_options import RunOptions
from supernet.train.schedule import Schedule, steps_done
from supernet.train.trainer import train
from supernet.train.validation import Validation
from tests.support.training_child import SPACE, make_images

pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
from supernet.train.tensorboard import TensorBoardMirror, check_run, event_files

# 120 images: 3 steps in an epoch, 2 epochs, then 2 steps in an epoch, 2 epochs.
SCHEDULE = Schedule.from_toml("""
name = "short"
phases = [
    {name = "full", epochs = 2, lr = 0.1, batch = 40, depths = 1, kernels = 1, expands = 1},
    {name = "all", epochs = 2, lr = 0.05, batch = 60, subnets = 2},
]
""")
MICRO = SearchSpace.from_toml(SPACE)
STEPS = partial(steps_done, SCHEDULE.phases, 120)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every event of all files of a folder, as its own library reads them: by tag, in order."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                figure = float(value.tensor.float_val[0])
                found.setdefault(value.tag, []).append((event.step, figure))
    return found


def logged(path: Path) -> dict[str, list[tuple[int, float]]]:
    """The same of a log."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in read_log(path):
        if line["kind"] == "run":
            continue
        done = STEPS((line["phase"], line["epoch"], line["step"] + 1))
        pairs = {"loss": "loss", "lr": "learning rate", "images_per_s": "images per second"}
        if line["kind"] == "validation":
            pairs = {"accuracy": f"validation accuracy/{line['network']}"}
        for name, tag in pairs.items():
            found.setdefault(tag, []).append((done, line[name]))
    return found


class Run:
    """A training that writes events to a folder and calls back after each epoch."""

    def __init__(self, folder: Path) -> None:
        self.out, self.events = folder / "s.safetensors", folder / "tb"
        self.epochs: list[TrainingEpoch] = []
        self.images = make_images()

    def run(self, **options: Any) -> None:
        ends = {"largest": MICRO.largest(), "smallest": MICRO.smallest()}
        with TensorBoardMirror(self.events, STEPS) as mirror:
            running = RunOptions(
                validation=Validation(lambda: self.images, ends),
                mirror=mirror,
                callbacks=[self.epochs.append],
            )
            recipe = Recipe(space=MICRO, schedule=SCHEDULE, data="stripes")
            source = TensorSource(self.images, "stripes")
            train(recipe, source, self.out, replace(running, **options))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("whole"))
    run.run()
    return run


def test_steps_before_a_place_are_counted() -> None:
    assert STEPS((0, 0, 0)) == 0
    assert STEPS((0, 1, 2)) == 5
    assert STEPS((1, 1, 1)) == 6 + 2 + 1
    assert STEPS((2, 0, 0)) == 10


def test_events_are_the_lines_of_the_log(whole: Run) -> None:
    found = scalars(whole.events)

    assert [step for step, _ in found["loss"]] == [3, 6, 8, 10]
    assert [step for step, _ in found["validation accuracy/smallest"]] == [3, 6, 8, 10]
    expected = logged(whole.out.with_suffix(".jsonl"))
    assert found.keys() == expected.keys()
    for tag, points in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in points]
        values = [value for _, value in points]
        assert [value for _, value in found[tag]] == pytest.approx(values, rel=1e-6)


def test_a_callback_gets_each_epoch(whole: Run) -> None:
    epochs = whole.epochs

    assert [(each.phase, each.phase_number, each.epoch, each.steps) for each in epochs] == [
        ("full", 1, 1, 3),
        ("full", 1, 2, 6),
        ("all", 2, 1, 8),
        ("all", 2, 2, 10),
    ]
    assert [each.images for each in epochs] == [120, 120, 240, 240]
    assert {(each.phases, each.epochs) for each in epochs} == {(2, 2)}
    lines = [line for line in read_log(whole.out.with_suffix(".jsonl")) if "accuracy" in line]
    curve = [(each.network, each.accuracy) for epoch in epochs for each in epoch.accuracies]
    assert curve == [(line["network"], line["accuracy"]) for line in lines]
    assert epochs[0].accuracy("smallest") == lines[1]["accuracy"]


@pytest.mark.parametrize("steps", [2, 3, 4, 8])
def test_a_resume_writes_no_epoch_twice(whole: Run, tmp_path: Path, steps: int) -> None:
    run, calls = Run(tmp_path), iter(range(1, 99))
    with pytest.raises(InterruptedSweepError):
        run.run(stop=lambda: next(calls) >= steps)
    # As after a kill between the log's last lines and the checkpoint.
    log = run.out.with_suffix(".jsonl")
    phase, epoch = (0, 1) if steps < 6 else (1, 1)
    lost = {"kind": "validation", "phase": phase, "epoch": epoch, "step": 2 - phase,
            "network": "largest", "accuracy": 0.0, "images": 120, "time": 0.0}  # fmt: skip
    log.write_text(f"{log.read_text()}{json.dumps(lost)}\n")

    run.run(resume=True)

    assert [(each.phase, each.epoch) for each in run.epochs] == [
        (each.phase, each.epoch) for each in whole.epochs
    ]
    found, expected = scalars(run.events), scalars(whole.events)
    for tag in ("loss", "validation accuracy/largest", "validation accuracy/smallest"):
        assert found[tag] == expected[tag]
    assert len(event_files(run.events)) == 1


def test_the_time_of_a_line_is_kept_after_a_resume(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    line = {"kind": "validation", "phase": 0, "epoch": 0, "step": 2, "network": "largest",
            "accuracy": 0.5, "images": 9, "time": 1234.5}  # fmt: skip
    with TensorBoardMirror(tmp_path / "tb", STEPS) as mirror:
        mirror.begin([{"kind": "run", "time": 1.0}, line])
    (path,) = event_files(tmp_path / "tb")

    times = [e.wall_time for e in EventFileLoader(str(path)).Load() if e.summary.value]

    assert times == [1234.5]


def test_an_exception_of_a_callback_ends_the_training_after_its_epoch(
    whole: Run, tmp_path: Path
) -> None:
    def fail(epoch: TrainingEpoch) -> None:
        raise ValueError(f"stop at epoch {epoch.epoch}")

    run = Run(tmp_path)
    with pytest.raises(ValueError, match="stop at epoch 1"):
        run.run(callbacks=[run.epochs.append, fail])

    run.run(resume=True)

    assert [each.steps for each in run.epochs] == [3, 6, 8, 10]


def test_a_folder_with_other_events_is_refused_and_stays(whole: Run, tmp_path: Path) -> None:
    before = scalars(whole.events)
    with pytest.raises(InputError, match="has the events of another training"):
        check_run(whole.events, resume=False)
    check_run(whole.events, resume=True)
    check_run(tmp_path / "none" / "run", resume=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="file is a file, expected a folder"):
        check_run(tmp_path / "file" / "run", resume=False)

    assert scalars(whole.events) == before
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
