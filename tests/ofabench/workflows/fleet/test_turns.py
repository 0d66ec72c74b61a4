"""Members of a fleet wait for others on the same hardware or in the same group, and take turns."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from bench.errors import InterruptedSweepError
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import Fleet, FleetMember
from ofabench.workflows.fleet.turns import Turns, place_of


def member(name: str, address: str, *groups: str) -> FleetMember:
    return FleetMember(name=name, device=DeviceOptions(device=address), groups=groups)


PHONES = tuple(member(name, f"adb:{name}") for name in "abc")


class Waiting:
    """Turn of a member in a thread: whether it has begun, and what it waited for."""

    def __init__(self, turns: Turns, of: FleetMember) -> None:
        self.waited_for: list[str] = []
        self.error = ""
        self._shown = threading.Semaphore(0)
        self._begun, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(turns, of))
        self._thread.start()

    def _run(self, turns: Turns, of: FleetMember) -> None:
        try:
            with turns.turn(of, self._wait):
                self._begun.set()
                assert self._end.wait(30)
        except InterruptedSweepError as error:
            self.error = str(error)

    def _wait(self, names: str) -> None:
        self.waited_for.append(names)
        self._shown.release()

    def has_to_wait(self) -> list[str]:
        """Return what it has waited for, once that has changed; fails if it does not wait."""
        assert self._shown.acquire(timeout=30)
        assert not self._begun.is_set()
        return self.waited_for

    def begins(self) -> None:
        assert self._begun.wait(30)

    def end(self) -> None:
        self._end.set()
        self._thread.join(30)


@contextmanager
def waiting(turns: Turns, of: FleetMember) -> Iterator[Waiting]:
    turn = Waiting(turns, of)
    try:
        yield turn
    finally:
        turn.end()


def fleet_of(*members: FleetMember, groups: dict[str, int] | None = None, **more: int) -> Fleet:
    return Fleet(members=members, groups=groups or {}, **more)


class HasToWaitError(Exception):
    """A member would have to wait."""


def do_not_wait(names: str) -> None:
    raise HasToWaitError(names)


def excluded(one: FleetMember, other: FleetMember, groups: dict[str, int] | None = None) -> bool:
    """Whether the second must wait while the first is measured."""
    turns = Turns(fleet_of(one, other, groups=groups))
    with turns.turn(one):
        try:
            with turns.turn(other, do_not_wait):
                return False
        except HasToWaitError:
            return True


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ("adb:X", "adb:Y", False),
        ("adb:X", "ssh:me@rack", False),
        ("ssh:rack", "ssh:me@rack", True),  # users of one host
        ("ssh:Rack:2222", "ssh:me@rack:2222", True),
        ("ssh:me@rack:22", "ssh:me@rack:2222", False),
        ("ssh:rack", "ssh:nano", False),
        ("cpu", "adb:X", True),  # sending its models uses this machine's cores
        ("fake", "cpu", True),
        ("cuda:0", "cuda:1", True),
        ("cuda:0", "cuda", True),
        ("cuda:0", "adb:X", False),
        ("fake", "cuda:0", False),
    ],
)
def test_what_shares_hardware_is_measured_one_at_a_time(one: str, other: str, result: bool) -> None:
    pair = member("one", one), member("other", other)

    assert excluded(*pair) is result
    assert excluded(pair[1], pair[0]) is result


def test_two_ways_of_one_phone_are_measured_one_at_a_time() -> None:
    big, little = (
        FleetMember(name=cores, device=DeviceOptions(device="adb:X"), cores=cores)
        for cores in ("big", "little")
    )

    assert excluded(big, little)
    assert place_of("fake") is None


def test_groups_limit_how_many_are_measured_at_once() -> None:
    pair = member("a", "adb:a", "hub", "left"), member("b", "adb:b", "right", "hub")

    assert excluded(*pair)  # 1 where the file does not say
    assert not excluded(*pair, groups={"hub": 2})


def test_a_limit_of_all_members_holds_whatever_they_are() -> None:
    a, b, c = PHONES
    turns = Turns(fleet_of(a, b, c, at_once=2))

    with turns.turn(a), ExitStack() as second:
        second.enter_context(turns.turn(b))
        with waiting(turns, c) as third:
            assert third.has_to_wait() == ["a, b"]
            second.close()
            third.begins()


def test_a_member_that_must_be_alone_is_last_at_first_and_then_not_overtaken() -> None:
    phone, here, other = member("phone", "adb:X"), member("here", "cpu"), member("other", "adb:Y")
    turns = Turns(fleet_of(here, phone, other))

    with ExitStack() as first:
        first.enter_context(turns.turn(phone))
        with waiting(turns, here) as alone:
            assert alone.has_to_wait() == ["phone"]
            with turns.turn(other, do_not_wait):  # it has had no turn, and need not be alone
                pass
            with pytest.raises(HasToWaitError, match="here"), turns.turn(other, do_not_wait):
                pass
            first.close()
            alone.begins()


def test_what_a_member_waits_for_is_shown_whenever_it_changes() -> None:
    a, b, _ = PHONES
    here = member("here", "cpu")
    turns = Turns(fleet_of(a, b, here))

    with ExitStack() as first, ExitStack() as second:
        first.enter_context(turns.turn(b))
        with waiting(turns, here) as alone:
            assert alone.has_to_wait() == ["b"]
            second.enter_context(turns.turn(a))
            assert alone.has_to_wait() == ["b", "b, a"]
            first.close()
            assert alone.has_to_wait() == ["b", "b, a", "a"]
            second.close()
            alone.begins()


def test_those_that_wait_for_a_group_count_for_the_later_ones() -> None:
    a, b, c = (member(name, f"adb:{name}", "hub") for name in "abc")
    turns = Turns(fleet_of(a, b, c))

    with ExitStack() as first:
        first.enter_context(turns.turn(a))
        with waiting(turns, b) as second:
            assert second.has_to_wait() == ["a"]
            with pytest.raises(HasToWaitError, match=r"^a, b$"), turns.turn(c, do_not_wait):
                pass
            first.close()
            second.begins()


def test_after_a_stop_nobody_begins_and_those_that_wait_are_interrupted() -> None:
    a, b, _ = PHONES
    turns = Turns(fleet_of(a, b, at_once=1))
    with turns.turn(a), waiting(turns, b) as second:
        second.has_to_wait()
        turns.stop()

    assert second.error == "stopped before its turn"
    with pytest.raises(InterruptedSweepError), turns.turn(a):
        pass


def test_a_member_whose_hardware_is_in_use_waits_for_the_end_of_another_turn() -> None:
    a, b, _ = PHONES
    turns = Turns(fleet_of(*PHONES))

    assert not turns.wait_for_others(a, 0)  # nobody could end
    with turns.turn(a):
        assert not turns.wait_for_others(a, 0)  # its own turn does not count
    assert turns.ended_of_others(a) == 0
    with turns.turn(b):
        pass
    assert turns.ended_of_others(a) == 1
    assert turns.wait_for_others(a, 0)  # one has ended meanwhile
    assert not turns.wait_for_others(a, 1)
