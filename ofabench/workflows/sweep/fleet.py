"""Several sweeps at once: a process for each phone, one progress display for all of them."""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.files import parse_json

EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One sweep: a name that people know the device by, and the command's arguments."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a member's sweep ended: its exit code, its summary where it has one, its last words."""

    name: str
    code: int
    summary: Mapping[str, Any] | None
    words: str


def run_fleet(members: Sequence[Member]) -> list[Outcome]:
    """Run every member's command to its end and return how each went, in their order.

    Each is a process of its own, so that one that fails or hangs holds up no other. Ctrl-C is
    passed on once to each, and waited for: every device puts its settings back.
    """
    with _display() as display:
        running = [_Running(member, display) for member in members]
        try:
            return [one.wait() for one in running]
        except KeyboardInterrupt:
            # A second Ctrl-C ends the waiting, not the devices' putting back.
            for one in running:
                one.interrupt()
            return [one.wait() for one in running]


def _display() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    return Progress(*columns, console=Console(stderr=True), refresh_per_second=2)


class _Running:
    """A member's process and the threads that read what it writes."""

    def __init__(self, member: Member, display: Progress) -> None:
        self._member = member
        self._display = display
        self._task = display.add_task(member.name, total=None, note="starting")
        self._words = ""
        self._out = ""
        # A session of its own: a terminal's Ctrl-C must reach it once, through `interrupt`.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ofabench", *member.arguments, "--json", "--progress", "json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        readers = ((self._read_out, self._process.stdout), (self._read_err, self._process.stderr))
        self._threads = [threading.Thread(target=read, args=(pipe,)) for read, pipe in readers]
        for thread in self._threads:
            thread.start()

    def wait(self) -> Outcome:
        """Wait for its end."""
        code = self._process.wait()
        for thread in self._threads:
            thread.join()
        note = "done" if code == 0 else "stopped" if code == EXIT_INTERRUPTED else "failed"
        self._display.update(self._task, note=note)
        return Outcome(
            name=self._member.name, code=code, summary=_json_object(self._out), words=self._words
        )

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def _read_out(self, pipe: IO[str]) -> None:
        with pipe:
            self._out = pipe.read()

    def _read_err(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                told = _json_object(line)
                if told is not None and "done" in told:
                    self._display.update(
                        self._task,
                        total=told["total"],
                        completed=told["done"],
                        note=str(told["note"]),
                    )
                elif line.strip():
                    self._words = line.strip()


def _json_object(text: str) -> dict[str, Any] | None:
    """Read one JSON object; None where the text is anything else."""
    try:
        found = parse_json(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
