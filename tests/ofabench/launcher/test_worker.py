"""Functions of ours in another process: results, errors, progress, Ctrl-C."""

import os
import threading
from pathlib import Path

import pytest

from bench.errors import (
    DeviceError,
    InputError,
    InterruptedSweepError,
    OfabenchError,
    TargetMismatchError,
)
from bench.protocol.progress import RoundProgress
from ofabench.launcher import Worker, launch
from supernet.train.callbacks import TrainingProgress
from tests.support import launched
from tests.support.launched import SumOptions


class Log:
    """A progress that remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.started = threading.Event()

    def start(self, total: int, what: str) -> None:
        self.calls.append(("start", total, what))
        self.started.set()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.calls.append((steps, note))

    def close(self) -> None:
        self.calls.append(("close",))


def test_the_result_comes_from_another_process() -> None:
    progress, messages = Log(), list[str]()

    result = launch(
        launched.add, SumOptions(numbers=(3, 4)), progress=progress, say=messages.append
    )

    assert result["total"] == 7
    assert result["pid"] != os.getpid()
    assert progress.calls == [("start", 2, "adding"), (1, "3"), (1, "4"), ("close",)]
    assert sorted(messages) == ["a library prints 3", "a library prints 4", "added"]


class FigureLog(Log):
    """A progress that also remembers the figures that it is shown."""

    def show_round(self, look: RoundProgress) -> None:
        self.calls.append((look,))

    def show_step(self, step: TrainingProgress) -> None:
        self.calls.append((step,))


def test_figures_reach_a_progress_that_shows_them() -> None:
    figures, plain = FigureLog(), Log()

    launch(launched.show, SumOptions(numbers=(1,)), progress=figures)
    launch(launched.show, SumOptions(numbers=(1,)), progress=plain)

    round_progress = RoundProgress(
        replicate=1, replicates=2, drift=1.5, disturbed_rounds=3, repeated_bursts=4
    )
    assert figures.calls[1:3] == [(round_progress,), (launched.STEP,)]
    assert plain.calls == [("start", 1, "showing"), (1, ""), ("close",)]


def test_a_lock_names_the_worker_by_its_function() -> None:
    command = launch(launched.who, SumOptions())["command"]

    assert command == "ofabench worker tests.support.launched:who"


def test_an_error_of_a_worker_keeps_its_class() -> None:
    with pytest.raises(TargetMismatchError, match=r"^got \(2,\), expected none$"):
        launch(launched.refuse, SumOptions(numbers=(2,)))
    with pytest.raises(DeviceError, match=r"^no memory$"):
        launch(launched.cannot_run, SumOptions())


def test_a_worker_that_ends_early_is_reported_with_its_last_output() -> None:
    with pytest.raises(OfabenchError, match=r"failed \(signal 9\): last words"):
        launch(launched.break_off, SumOptions())
    with pytest.raises(OfabenchError, match=r"failed \(signal 9\): it printed nothing"):
        launch(launched.break_off_in_an_event, SumOptions())
    with pytest.raises(OfabenchError, match=r"failed \(exit code 7\): it printed nothing"):
        launch(launched.forget, SumOptions())


def test_an_interrupted_worker_restores_its_changes(tmp_path: Path) -> None:
    file, progress = tmp_path / "state", Log()
    worker = Worker(launched.wait_for_ctrl_c, SumOptions(file=file), progress=progress, alone=True)
    assert progress.started.wait(30)

    worker.interrupt()
    outcome = worker.wait()

    assert file.read_text() == "put back"
    assert outcome.interrupted
    assert isinstance(outcome.error, InterruptedSweepError)
    assert str(outcome.error) == "stopped; 3 loads are kept"


def test_a_worker_that_is_interrupted_before_it_begins_was_stopped() -> None:
    worker = Worker(launched.wait_for_ctrl_c, SumOptions(), alone=True)

    worker.interrupt()

    assert worker.wait().interrupted


def test_a_function_that_cannot_be_imported_is_refused() -> None:
    def inner(options: SumOptions, progress: object) -> None:
        raise AssertionError

    with pytest.raises(InputError, match="cannot run in another process: expected a function"):
        Worker(inner, SumOptions())
