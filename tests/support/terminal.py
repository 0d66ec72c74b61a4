"""A small terminal: the screen after a program's output, and programs run in one."""

import fcntl
import os
import pty
import re
import struct
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_CODE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")
_PATIENCE_S = 120.0


@dataclass
class Screen:
    """Lines of a terminal of `width` columns, including those scrolled away.

    It knows what rich writes: text, line ends, cursor up, erased lines, colours, a hidden cursor.
    As on a real one, a character at the right edge leaves the cursor there until the next.
    """

    width: int = 80
    cursor_shown: bool = True
    _lines: list[list[str]] = field(default_factory=lambda: [[]])
    _row: int = 0
    _column: int = 0

    @property
    def lines(self) -> list[str]:
        """Return the lines without trailing blanks, and without empty ones at the end."""
        text = "\n".join("".join(line).rstrip() for line in self._lines)
        return text.rstrip("\n").split("\n")

    def feed(self, text: str) -> None:
        """Write a program's output."""
        place = 0
        for match in _CODE.finditer(text):
            self._plain(text[place : match.start()])
            self._code(match[1], match[2])
            place = match.end()
        self._plain(text[place:])

    def _plain(self, text: str) -> None:
        for character in text:
            if character == "\r":
                self._column = 0
            elif character == "\n":
                self._down()
            elif character >= " ":
                if self._column == self.width:
                    self._down()
                    self._column = 0
                line = self._lines[self._row]
                line.extend(" " * (self._column + 1 - len(line)))
                line[self._column] = character
                self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._lines):
            self._lines.append([])

    def _code(self, numbers: str, letter: str) -> None:
        if letter == "A":
            self._row = max(self._row - int(numbers or 1), 0)
        elif letter == "K":
            assert numbers == "2", "only whole lines are erased"
            self._lines[self._row].clear()
        elif letter in "hl" and numbers == "?25":
            self.cursor_shown = letter == "h"
        else:
            assert letter == "m", f"no such code here: {numbers}{letter}"


@dataclass(frozen=True)
class Shown:
    """The final screen, and the exit code."""

    screen: Screen
    code: int


def run_in_terminal(
    command: Sequence[str], *, interrupt_at: str, width: int = 100, times: int = 1
) -> Shown:
    """Run a program in a terminal, and press Ctrl-C there once it has written `interrupt_at`.

    Args:
        command: the program with its arguments.
        interrupt_at: the text after which Ctrl-C is pressed.
        width: columns of the terminal.
        times: how often Ctrl-C is pressed, 0.3 s apart.
    """
    child, descriptor = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
        environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(_ROOT)}
        environment.pop("COLUMNS", None)
        os.execvpe(command[0], list(command), environment)
    written, pressed, began_s = "", 0, time.monotonic()
    screen = Screen(width)
    while time.monotonic() - began_s < _PATIENCE_S:
        try:
            part = os.read(descriptor, 65536).decode(errors="replace")
        except OSError:  # Linux says so that the other end is closed
            break
        written += part
        screen.feed(part)
        while pressed < times and interrupt_at in written:
            os.write(descriptor, b"\x03")
            pressed += 1
            time.sleep(0.3)
    os.close(descriptor)
    _, status = os.waitpid(child, 0)
    return Shown(screen, os.waitstatus_to_exitcode(status))
