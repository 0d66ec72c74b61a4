"""What searches and sweeps show on a terminal: drawn to a string, and to a pseudo-terminal."""

import io
import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.protocol.progress import RoundProgress, RoundWatcher
from ofabench.display.live import duration, sparkline
from ofabench.display.live_search import SearchPanel, get_search_watcher, share_done, time_left
from ofabench.display.live_sweep import SweepPanel
from ofabench.display.live_training import TrainingPanel
from ofabench.display.progress import (
    JsonProgress,
    LineProgress,
    TerminalProgress,
    get_progress,
    get_sweep_progress,
    get_training_progress,
)
from supernet.search.callbacks import NoWatcher, SearchProgress
from supernet.train.callbacks import StepWatcher
from tests.support.launched import STEP

ROOT = Path(__file__).resolve().parents[3]
TARGET = "note10/tflite-2.3.0/fp32"
PROGRESS = SearchProgress(
    what="searching ofa-mbv3-w1.0",
    evaluated=1500,
    seconds=3.0,
    accuracy=0.7612,
    costs={TARGET: 24.3, "macs": 231e6},
    limits={TARGET: 30.0, "macs": 220e6},
    units={TARGET: "ms", "macs": "MACs"},
    budget=6000,
    idle=10,
    patience=40,
)


class Screen:
    """A console of fixed width that records, and a clock that is set by hand."""

    def __init__(self, width: int = 80) -> None:
        self.out = io.StringIO()
        self.console = Console(
            file=self.out, width=width, force_terminal=True, color_system=None, _environ={}
        )
        self.now_s = 0.0

    def clock(self) -> float:
        return self.now_s

    @property
    def pictures(self) -> list[str]:
        return self.out.getvalue().split("╭─ ")[1:]

    @property
    def last(self) -> list[str]:
        return [line.strip("│ ") for line in self.pictures[-1].splitlines()]


def test_a_search_shows_budget_best_and_limits() -> None:
    screen = Screen()
    panel = SearchPanel(screen.console, screen.clock)

    panel.show(PROGRESS)

    title, budget, times, best, latency, macs = screen.last[:6]
    assert title.startswith("searching ofa-mbv3-w1.0 ─")
    assert budget == "━━━━              1,500 of 6,000 networks"  # a quarter of 16
    # One generation took 3 s: 30 more would take 90 s, 4,500 more networks 9 s.
    assert times == "3.0 s, 9.0 s left by evaluations  500 networks/s"
    assert best == "best accuracy 76.12%"
    assert latency.split() == [TARGET, "24.3", "of", "30", "ms", "━" * 12 + "╸", "81%"]
    assert macs.split() == ["macs", "231", "of", "220", "M", "MACs", "━" * 16, "105%"]
    assert max(map(len, screen.pictures[-1].splitlines())) <= 80


def test_a_cost_above_its_limit_is_red() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system="standard", _environ={})

    SearchPanel(console, lambda: 0.0).show(PROGRESS)

    latency, macs = [row for row in out.getvalue().splitlines() if " of " in row][1:]
    assert "\x1b[31m" in macs
    assert "\x1b[31m" not in latency
    assert "\x1b[32m" in latency


def test_a_search_is_drawn_four_times_a_second_and_when_it_ends() -> None:
    screen = Screen()
    panel = SearchPanel(screen.console, screen.clock)

    for generation in range(10):
        screen.now_s = 0.1 * generation  # due at 0, 0.3, 0.6 and 0.9 s
        panel.show(replace(PROGRESS, evaluated=100 * generation))
    drawn = len(screen.pictures)
    panel.show(replace(PROGRESS, evaluated=1234, accuracy=0.79))
    assert (drawn, len(screen.pictures)) == (4, 4)
    panel.close()

    assert "1,234 of 6,000 networks" in screen.pictures[-1]
    assert screen.out.getvalue().endswith("\x1b[?25h")  # the cursor is there again
    panel.close()


def test_a_search_without_a_network_yet_and_the_size_of_a_front_are_shown() -> None:
    screen = Screen(width=100)
    panel = SearchPanel(screen.console, screen.clock)

    panel.show(replace(PROGRESS, accuracy=None, costs={}, budget=None, patience=None, front=7))

    assert screen.last[1] == "1,500 networks"
    assert screen.last[2] == "3.0 s  500 networks/s"
    assert screen.last[3] == "nothing within the limits yet, 7 on the front"
    assert screen.last[4].split() == [TARGET, "at", "most", "30", "ms"]


def test_the_curve_of_best_accuracies_grows() -> None:
    screen = Screen()
    panel = SearchPanel(screen.console, screen.clock)

    for step in range(8):
        screen.now_s += 1
        panel.show(replace(PROGRESS, accuracy=0.70 + 0.01 * step))

    assert screen.last[3] == "best accuracy 77.00%  ▁▂▃▄▅▆▇█"


def test_a_narrow_terminal_has_no_bars_of_limits() -> None:
    screen = Screen(width=48)

    SearchPanel(screen.console, screen.clock).show(PROGRESS)

    assert screen.last[5].split() == ["macs", "231", "of", "220", "M", "MACs", "105%"]


def test_names_are_no_markup() -> None:
    screen = Screen()

    SearchPanel(screen.console, screen.clock).show(replace(PROGRESS, what="[red]s[/red]"))

    assert screen.last[0].startswith("[red]s[/red] ─")


@pytest.mark.parametrize(
    ("change", "share", "left"),
    [
        ({}, 0.25, (9.0, "evaluations")),
        ({"budget_s": 5.0}, 0.6, (2.0, "seconds")),
        ({"idle": 38}, 0.25, (2 * 3.0 / 6, "patience")),
        ({"budget": None, "idle": 10}, 0.25, (30 * 3.0 / 6, "patience")),
        ({"budget": None, "patience": None}, 0.0, None),
        ({"budget_s": 2.0}, 1.5, (0.0, "seconds")),
    ],
)
def test_the_time_left_is_that_of_the_budget_that_ends_first(
    change: dict[str, float], share: float, left: tuple[float, str] | None
) -> None:
    progress = replace(PROGRESS, **change)  # type: ignore[arg-type]

    assert share_done(progress) == pytest.approx(share)
    seconds = time_left(progress, generations=6)
    assert (seconds is None) == (left is None)
    if seconds is not None and left is not None:
        assert seconds[0] == pytest.approx(left[0])
        assert seconds[1] == left[1]


def test_a_sweep_shows_rounds_drift_and_disturbances() -> None:
    screen = Screen()
    panel = SweepPanel(screen.console, screen.clock)
    assert isinstance(panel, RoundWatcher)

    panel.start(40, "measuring")
    for elapsed_s in range(1, 11):
        screen.now_s = 0.1 * elapsed_s  # drawn at the start, and at 0.5 and 1.0 s
        panel.show_round(
            RoundProgress(
                replicate=2,
                replicates=6,
                drift=1.0123,
                disturbed_rounds=1,
                repeated_bursts=3 * elapsed_s,
            )
        )
        panel.advance(note="replicate 2 of 6")

    assert len(screen.pictures) == 3
    assert screen.last[1] == "━━━━━━                    10 of 40 rounds  1.0 s, 3.0 s left"
    assert screen.last[2] == "replicate 2 of 6  drift 1.012  1 rounds disturbed  30 bursts repeated"
    panel.advance(-10, note="taken again: [the cable] was pulled")
    assert len(screen.pictures) == 4
    assert screen.last[3] == "taken again: [the cable] was pulled"
    panel.close()


def test_a_budget_is_shown_in_seconds() -> None:
    screen = Screen()
    panel = SweepPanel(screen.console, screen.clock)

    panel.start(60, "measuring (seconds)")
    screen.now_s = 15.0
    panel.advance(15, note="load 1 of 3")

    assert "15 of 60 s  15.0 s, 45.0 s left" in screen.last[1]
    panel.close()


def test_a_training_shows_phase_time_left_and_curves() -> None:
    screen = Screen(width=100)
    panel = TrainingPanel(screen.console, screen.clock)
    assert isinstance(panel, StepWatcher)

    panel.start(400, "train tiny")
    panel.advance(40)  # done before it was stopped; drawn at 0.5 and 1 s, each of two steps
    for step in range(1, 5):
        screen.now_s = 0.25 * step
        panel.show_step(replace(STEP, loss=4.0 - step, accuracy=0.2 * step, seconds_left=60 - step))
        panel.advance(note="not shown")

    assert len(screen.pictures) == 3
    assert screen.last[0].startswith("train tiny ─")
    assert screen.last[1] == "━━╸                       44 of 400 steps  1.0 s, 56.0 s left"
    assert screen.last[2] == (
        "phase kernel (2 of 4)  epoch 3 of 5  2,000 images/s  learning rate 0.01"
    )
    # Means of (3, 2) and (1, 0), of (0.2, 0.4) and (0.6, 0.8).
    assert screen.last[3] == "loss 0.500  █▁  training accuracy 70.0%  ▁█"
    panel.close()
    assert "44 of 400 steps" in screen.last[1]
    assert screen.out.getvalue().endswith("\x1b[?25h")


def test_a_training_on_a_narrow_terminal_has_no_curves() -> None:
    screen = Screen(width=52)
    panel = TrainingPanel(screen.console, screen.clock)

    panel.start(4, "train")
    for step in (1, 2, 3, 4):
        screen.now_s = float(step)
        panel.show_step(STEP)
        panel.advance()

    assert screen.last[3].split() == ["loss", "1.250", "training", "accuracy", "50.0%"]
    panel.close()


def test_a_bar_shows_a_new_note_at_once() -> None:
    screen = Screen(width=100)
    bar = TerminalProgress(screen.console)
    bar.start(2, "fitting blocks")

    bar.advance(0, "mbconv: trees")
    bar.close()

    assert "0/2" in screen.out.getvalue()
    assert "mbconv: trees" in screen.out.getvalue()


def test_durations_and_curves() -> None:
    assert [duration(s) for s in (4.24, 59.94, 130, 8000)] == ["4.2 s", "59.9 s", "2:10", "2:13:20"]
    assert sparkline([1.0], 5) == ""
    assert sparkline([0.0, 1.0, 2.0, 3.0, 4.0], 3) == "▁▄█"
    assert sparkline([2.0, 2.0], 5) == "▁▁"
    assert sparkline([0.0, 7.0], 2, ascii_only=True) == "_#"


def test_nothing_is_shown_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(get_search_watcher(), NoWatcher)
    made = [make("bar") for make in (get_progress, get_sweep_progress, get_training_progress)]
    for progress in (*made, TerminalProgress()):
        progress.start(3, "measuring")
        progress.advance(3, note="x")
        progress.close()

    assert capsys.readouterr() == ("", "")


def test_lines_are_for_logs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr("ofabench.display.progress.time.monotonic", lambda: now_s)
    progress = get_sweep_progress("lines")
    assert isinstance(progress, LineProgress)

    progress.start(10, "measuring")
    now_s += 10
    progress.advance(note="not yet")
    now_s += 10
    progress.advance(note="load 1 of 6")
    progress.close()
    progress.close()

    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.splitlines() == [
        "measuring: 10 steps",
        "measuring: 2/10, 80 s left  load 1 of 6",
        "measuring: 2/10 in 20 s",
    ]
    assert isinstance(get_sweep_progress("json"), JsonProgress)


def test_a_sweep_on_a_real_terminal(tmp_path: Path) -> None:
    """The panel goes to stderr, a terminal here; stdout, a file, has the result alone."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ofabench", "sweep", "--space", "tiny", "--device", "cpu"]
    command += ["--backend", "onnx", "--blocks", "2", "--loads", "1", "--passes", "2", "--force"]
    command += ["--json", "--out", str(tmp_path / "s.sqlite")]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "90"}
    with (tmp_path / "stdout").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=theirs, cwd=ROOT, env=env)
        os.close(theirs)
        shown = _read_all(ours)
        assert process.wait(timeout=60) == 0, shown

    assert "2 of 2 rounds" in shown
    assert "replicate 1 of 1" in shown
    assert "drift " in shown
    assert (tmp_path / "stdout").read_text().startswith("{")


def _read_all(descriptor: int) -> str:
    """Read a terminal until the other end is closed, which Linux reports as an error."""
    parts = []
    try:
        while part := os.read(descriptor, 4096):
            parts.append(part)
    except OSError:
        pass
    os.close(descriptor)
    return b"".join(parts).decode()
