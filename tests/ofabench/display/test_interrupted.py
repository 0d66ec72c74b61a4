"""What Ctrl-C leaves on a terminal: the last picture once, whole, and the line of the error."""

import io
import signal
import sys
from collections.abc import Callable

import pytest
from rich.console import Console

from ofabench.display.live_sweep import SweepPanel
from ofabench.display.progress import TerminalProgress
from tests.support.terminal import Screen, run_in_terminal

CTRL_C = "^C"  # as the terminal echoes it, wherever the cursor is


def test_the_screen_behaves_like_a_terminal() -> None:
    screen = Screen(width=5)

    screen.feed("one\r\ntwo\x1b[1A\r\x1b[2Knew\n\rab\x1b[?25l\x1b[31mc\x1b[0m")

    assert screen.lines == ["new", "abc"]
    assert not screen.cursor_shown
    screen.feed("de")
    screen.feed("f")  # the sixth column is the next line's first
    assert screen.lines == ["new", "abcde", "f"]


def _panel(console: Console) -> Callable[[int], None]:
    panel = SweepPanel(console, lambda: 0.0)
    panel.start(40, "measuring")

    def step(number: int) -> None:
        panel.advance(-1, "taken again" * 20) if number < 9 else panel.close()

    return step


def _bar(console: Console) -> Callable[[int], None]:
    bar = TerminalProgress(console)
    bar.start(9, "measuring accuracies of many sub-networks")

    def step(number: int) -> None:
        bar.advance(9, "a long note " * 20) if number < 9 else bar.close()

    return step


@pytest.mark.parametrize(("display", "height"), [(_panel, 4), (_bar, 1)])
@pytest.mark.parametrize("width", [40, 80, 133])
def test_an_echoed_ctrl_c_leaves_one_panel(
    display: Callable[[Console], Callable[[int], None]], height: int, width: int
) -> None:
    out, screen = io.StringIO(), Screen(width)
    console = Console(file=out, width=width, force_terminal=True, color_system=None, _environ={})

    step = display(console)
    step(1)
    for number in (2, 3, 9):
        out.write(CTRL_C * 2)
        step(number)
    out.write("ofabench: stopped\n")
    screen.feed(out.getvalue().replace("\n", "\r\n"))

    assert screen.cursor_shown
    assert len(screen.lines) == height + 1, screen.lines
    assert screen.lines[-1] == "ofabench: stopped"


def test_a_stopped_sweep_leaves_one_panel_and_one_error(tmp_path: object) -> None:
    """On LiteRT, whose library would write into the panel, in a real terminal."""
    command = [sys.executable, "-m", "ofabench", "sweep", "--space", "tiny", "--device", "cpu"]
    command += ["--backend", "tflite", "--blocks", "8", "--loads", "3", "--passes", "50000"]
    command += ["--force", "--out", f"{tmp_path}/s.sqlite"]

    shown = run_in_terminal(command, interrupt_at=" 1 of ")

    lines, text = shown.screen.lines, "\n".join(shown.screen.lines)
    assert shown.code == 130, lines
    assert shown.screen.cursor_shown
    assert text.count("╭─ measuring ─") == text.count("rounds disturbed") == 1, text
    assert "XNNPACK" not in text
    (end,) = [number for number, line in enumerate(lines) if line.startswith("╰")]
    assert lines[end + 1].startswith("ofabench: stopped with 0 of")


class _Pressed(io.StringIO):
    """A terminal on which Ctrl-C is pressed while the first picture is written."""

    pressed = False

    def write(self, text: str) -> int:
        if "measuring" in text and not self.pressed:
            self.pressed = True
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


@pytest.mark.parametrize("display", [_panel, _bar])
def test_ctrl_c_waits_for_the_end_of_a_picture(
    display: Callable[[Console], Callable[[int], None]],
) -> None:
    out = _Pressed()
    console = Console(file=out, width=80, force_terminal=True, color_system=None, _environ={})

    with pytest.raises(KeyboardInterrupt):
        display(console)

    drawn = out.getvalue()
    assert "measuring" in drawn
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert drawn.count("╭") == drawn.count("╯")
