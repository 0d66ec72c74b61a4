"""A fleet on the terminal: a bar for each member, and its last words."""

import io
from collections.abc import Callable

from rich.console import Console

from ofabench.display.fleet import FleetDisplay
from ofabench.workflows.sweep.fleet import MemberWatcher


def drawn(change: Callable[[MemberWatcher, MemberWatcher], None]) -> tuple[str, str]:
    """The last picture of two members' lines."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120, color_system=None)
    with FleetDisplay(console) as display:
        change(display.member("note8"), display.member("pixel2"))
    first = text.getvalue().rindex("note8")
    lines = text.getvalue()[first:].splitlines()
    return lines[0].rstrip(), lines[1].rstrip()


def test_a_bar_shows_the_progress_and_the_last_note_of_its_member() -> None:
    def change(first: MemberWatcher, second: MemberWatcher) -> None:
        first.start(12, "measuring")
        first.advance(5, "load 1 of 2")
        first.advance(-2, "taken again")
        second.say("waiting for [another] to end")

    first, second = drawn(change)

    assert first.startswith("note8 ")
    assert " 3/12 " in first
    assert first.endswith("taken again")
    assert second.startswith("pixel2 ")
    assert second.endswith("waiting for [another] to end")


def test_a_bar_shows_how_its_member_ended() -> None:
    def change(first: MemberWatcher, second: MemberWatcher) -> None:
        first.start(12, "measuring")
        first.advance(12)
        first.close()
        first.end("done")
        second.end("failed")

    first, second = drawn(change)

    assert " 12/12 " in first
    assert first.endswith("done")
    assert second.endswith("failed")


def test_a_new_stage_starts_at_zero() -> None:
    def change(first: MemberWatcher, second: MemberWatcher) -> None:
        first.start(12, "measuring")
        first.advance(12)
        first.start(4, "measuring again")

    first, _ = drawn(change)

    assert " 0/4 " in first
    assert first.endswith("measuring again")
