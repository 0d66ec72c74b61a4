"""Interfaces of a fleet's display."""

from typing import Protocol

from bench.protocol.progress import NoProgress, Progress

DONE, STOPPED, FAILED = "done", "stopped", "failed"


class MemberWatcher(Progress, Protocol):
    """Display of one member: its progress and its messages."""

    def show_waiting(self, text: str) -> None:
        """Show what it waits for."""
        ...

    def say(self, line: str) -> None:
        """Show a line that the member printed or logged."""
        ...

    def end(self, how: str) -> None:
        """Show how it ended: done, stopped or failed."""
        ...


class FleetWatcher(Protocol):
    """Display of a fleet: one row for each member."""

    def member(self, name: str, address: str) -> MemberWatcher:
        """Return the display of a member."""
        ...


class NoMemberWatcher(NoProgress):
    """Display of a member that shows nothing."""

    def show_waiting(self, text: str) -> None:
        del text

    def say(self, line: str) -> None:
        del line

    def end(self, how: str) -> None:
        del how


class NoFleetWatcher:
    """Display of a fleet that shows nothing."""

    def member(self, name: str, address: str) -> MemberWatcher:
        del name, address
        return NoMemberWatcher()
