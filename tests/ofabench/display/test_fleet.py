"""A fleet on the terminal and in logs: each member with its progress and its last message."""

import io
import json
from collections.abc import Callable

import pytest
from rich.console import Console

from ofabench.display.fleet import FleetTable, fleet_display
from ofabench.workflows.fleet.watcher import MemberWatcher


def drawn(change: Callable[[MemberWatcher, MemberWatcher], None]) -> tuple[str, str]:
    """The last picture of two members' lines."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120, color_system=None)
    with FleetTable(console) as display:
        change(display.member("note8", "adb:X"), display.member("pixel2", "adb:[Y]"))
    first = text.getvalue().rindex("note8")
    lines = text.getvalue()[first:].splitlines()
    return lines[0].rstrip(), lines[1].rstrip()


def test_a_bar_shows_the_progress_and_the_last_note_of_its_member() -> None:
    def change(first: MemberWatcher, second: MemberWatcher) -> None:
        first.start(12, "measuring")
        first.advance(5, "load 1 of 2")
        first.advance(-2, "taken again")
        second.say("a message")
        second.show_waiting("waiting for [another]")

    first, second = drawn(change)

    assert first.startswith("note8 ")
    assert " 3/12 " in first
    assert first.endswith("taken again")
    assert second.startswith("pixel2 adb:[Y]")
    assert second.endswith("waiting for [another]")


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


def steps_of_one(form: str) -> None:
    with fleet_display(form) as display:
        member = display.member("note8", "adb:X")
        member.start(12, "measuring")
        member.advance(12, "replicate 1")
        member.show_waiting("waiting for pixel2")
        member.say("a message")
        member.close()
        member.end("done")


def test_lines_for_logs_begin_with_the_member(capsys: pytest.CaptureFixture[str]) -> None:
    steps_of_one("lines")

    assert capsys.readouterr().err.splitlines() == [
        "note8: starting on adb:X",
        "note8: measuring: 0/12",
        "note8: waiting for pixel2",
        "note8: a message",
        "note8: done",
    ]


def test_lines_for_programs_name_the_member(capsys: pytest.CaptureFixture[str]) -> None:
    steps_of_one("json")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[:2] == [
        {"member": "note8", "note": "starting", "address": "adb:X"},
        {"member": "note8", "what": "measuring", "total": 12, "done": 0, "note": ""},
    ]
    assert [line["note"] for line in lines[2:]] == ["waiting for pixel2", "a message", "done"]


def test_nothing_is_shown_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    steps_of_one("bar")

    assert capsys.readouterr() == ("", "")


def test_a_long_message_does_not_displace_names_and_bars() -> None:
    def change(first: MemberWatcher, second: MemberWatcher) -> None:
        first.start(12, "measuring")
        first.say("the connection was refused, " * 10)
        second.say("short")

    first, second = drawn(change)

    assert first.startswith("note8  adb:X")
    assert " 0/12 " in first
    assert first.endswith("…")
    assert second.endswith("short")
