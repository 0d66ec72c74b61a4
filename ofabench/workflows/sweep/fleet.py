"""Several sweeps at once: a worker process for each phone."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.errors import OfabenchError
from bench.protocol.progress import NoProgress, Progress
from ofabench.launcher import Outcome, Worker
from ofabench.options.sweep import SweepRequest
from ofabench.workflows.sweep.sweep import sweep_part

EXIT_FAILED = 2
EXIT_INTERRUPTED = 130


class MemberWatcher(Progress, Protocol):
    """Display of one member: its progress and its messages."""

    def say(self, line: str) -> None:
        """Show a line that the member printed or logged."""
        ...

    def end(self, how: str) -> None:
        """Show how it ended: done, stopped or failed."""
        ...


class FleetWatcher(Protocol):
    """Display of a fleet: one row for each member."""

    def member(self, name: str) -> MemberWatcher:
        """Return the display of a member."""
        ...


class NoMemberWatcher(NoProgress):
    """Display of a member that shows nothing."""

    def say(self, line: str) -> None:
        del line

    def end(self, how: str) -> None:
        del how


class NoFleetWatcher:
    """Display of a fleet that shows nothing."""

    def member(self, name: str) -> MemberWatcher:
        del name
        return NoMemberWatcher()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One sweep of a fleet, and the name of its device."""

    name: str
    request: SweepRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOutcome:
    """End of a member's sweep: its summary or its error."""

    name: str
    path: str
    summary: Mapping[str, Any] | None
    error: OfabenchError | None
    interrupted: bool

    @property
    def code(self) -> int:
        """Exit code of this sweep: 0, 2 if it failed, 130 if it was stopped."""
        if self.error is None:
            return 0
        return EXIT_INTERRUPTED if self.interrupted else EXIT_FAILED

    @property
    def words(self) -> str:
        """Error in one line; empty without an error."""
        return "" if self.error is None else " ".join(str(self.error).split())

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values for JSON."""
        return {
            "name": self.name,
            "sweep": self.path,
            "code": self.code,
            "words": self.words,
            "summary": self.summary,
        }


def run_fleet(
    members: Sequence[Member], watcher: FleetWatcher | None = None
) -> list[MemberOutcome]:
    """Run every member's sweep to its end and return how each ended, in their order.

    Each runs in its own process, so that one that fails or hangs does not block the others. Ctrl-C
    is sent once to each, and this waits for all: every device restores its settings.
    """
    watcher = watcher or NoFleetWatcher()
    running: list[_Running] = []
    try:
        running += [_Running(member, watcher) for member in members]
        return [each.wait() for each in running]
    except KeyboardInterrupt:
        # A second Ctrl-C ends the waiting, while devices still restore their settings.
        for each in running:
            each.interrupt()
        return [each.wait() for each in running]
    except BaseException:
        for each in running:
            with contextlib.suppress(OSError):
                each.interrupt()
        raise


class _Running:
    """Running sweep of a member: its worker and its display."""

    def __init__(self, member: Member, watcher: FleetWatcher) -> None:
        self._member = member
        self._display = watcher.member(member.name)
        # A terminal's Ctrl-C must reach it once, through `interrupt`.
        self._worker = Worker(
            sweep_part, member.request, progress=self._display, say=self._display.say, alone=True
        )

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        self._worker.interrupt()

    def wait(self) -> MemberOutcome:
        """Wait for its end."""
        outcome = self._worker.wait()
        result = outcome.result
        self._display.end(_how(outcome))
        return MemberOutcome(
            name=self._member.name,
            path=str(self._member.request.out),
            summary=None if result is None else result["summary"],
            error=outcome.error,
            interrupted=outcome.interrupted,
        )


def _how(outcome: Outcome) -> str:
    if outcome.error is None:
        return "done"
    return "stopped" if outcome.interrupted else "failed"
