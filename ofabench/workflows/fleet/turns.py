"""Turns of a fleet's members: which of them may be measured at the same time.

Members wait for each other if they are in a group whose limit is reached, or need the same
hardware, which follows from their addresses:

- `cpu` is measured alone: building and sending the models of other members uses this machine's
  cores, and so disturbs it;
- GPUs of this machine and devices of other packages are measured one at a time: their work is
  launched by this machine's cores;
- two members of one phone or one SSH host are measured one at a time.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.devices.ssh.address import SshAddress
from bench.errors import InterruptedSweepError
from ofabench.options.fleet import Fleet, FleetMember

THIS_MACHINE = "this machine"
_ELSEWHERE = ("adb", "ssh")  # kinds of devices whose work is done by other machines


def place_of(address: str) -> str | None:
    """Return the hardware that a member needs for itself; None for computed times.

    Example:
        >>> place_of("cuda:1"), place_of("ssh:nano@rack:2222"), place_of("fake")
        ('this machine', 'ssh:rack:2222', None)
    """
    kind = address.partition(":")[0]
    if kind == "fake":
        return None
    if kind not in _ELSEWHERE:
        return THIS_MACHINE
    if kind == "adb":
        return address
    host = SshAddress.parse(address)
    port = "" if host.port is None else f":{host.port}"
    return f"ssh:{host.host.lower()}{port}"


def is_alone(address: str) -> bool:
    """Return whether nothing else of the fleet may run meanwhile."""
    return address == "cpu"


@dataclass(slots=True, eq=False)
class _Turn:
    """A member that is measured, or waits for it."""

    member: FleetMember
    order: tuple[int, bool, int]  # turns that it had, alone, place in the file
    running: bool = False


class Turns:
    """Gives members their turns; every method may be called from any thread.

    Of several that wait, those with the fewest turns so far are first, then those that need not be
    alone, then the first in the file. Nobody overtakes a member that it would delay.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._places = {member.name: place for place, member in enumerate(fleet)}
        self._had: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._turns: list[_Turn] = []
        self._changed = threading.Condition()  # its lock may be taken again by its owner
        self._stopped = False

    @contextmanager
    def turn(
        self, member: FleetMember, on_wait: Callable[[str], None] = lambda words: None
    ) -> Iterator[None]:
        """Wait for the member's turn, and hold it for the block.

        `on_wait` is called with the names of the members that it waits for, whenever these change.
        Raises `InterruptedSweepError` after `stop`.
        """
        turn = self._arrive(member)
        try:
            self._wait(turn, on_wait)
            yield
        finally:
            with self._changed:
                self._turns.remove(turn)
                self._ended[member.name] += turn.running
                self._changed.notify_all()

    def ended_of_others(self, member: FleetMember) -> int:
        """Return how many turns of other members have ended so far."""
        with self._changed:
            return self._ended.total() - self._ended[member.name]

    def wait_for_others(self, member: FleetMember, ended: int) -> bool:
        """Wait until more than `ended` turns of other members have ended.

        Returns False if nobody else has a turn that could end. Raises `InterruptedSweepError`
        after `stop`.
        """
        with self._changed:
            while not self._stopped and self.ended_of_others(member) == ended:
                if not any(turn.running and turn.member is not member for turn in self._turns):
                    return False
                self._changed.wait()
            if self._stopped:
                raise InterruptedSweepError("stopped before its turn")
            return True

    def stop(self) -> None:
        """Let nobody begin a turn any more; members that wait are interrupted."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _arrive(self, member: FleetMember) -> _Turn:
        with self._changed:
            alone, place = is_alone(member.address), self._places[member.name]
            turn = _Turn(member, (self._had[member.name], alone, place))
            self._turns.append(turn)
            return turn

    def _wait(self, turn: _Turn, on_wait: Callable[[str], None]) -> None:
        shown = ""
        with self._changed:
            while not self._stopped and (before := self._before(turn)):
                names = ", ".join(other.member.name for other in before)
                if names != shown:
                    shown = names
                    on_wait(names)
                self._changed.wait()
            if self._stopped:
                raise InterruptedSweepError("stopped before its turn")
            turn.running = True
            self._had[turn.member.name] += 1
            self._changed.notify_all()  # others may wait for this one now

    def _before(self, turn: _Turn) -> list[_Turn]:
        """Return the turns that end, or begin, before this one may begin."""
        others = [other for other in self._turns if other is not turn]
        running = [other for other in others if other.running]
        first = [other for other in others if not other.running and other.order < turn.order]
        at_once = self._fleet.at_once
        if at_once is not None and len(running) >= at_once:
            return running
        result = [other for other in (*running, *first) if self._exclude(turn, other)]
        for group in turn.member.groups:
            inside = [other for other in (*running, *first) if group in other.member.groups]
            if len(inside) >= self._fleet.groups.get(group, 1):
                result += [other for other in inside if other not in result]
        return result

    @staticmethod
    def _exclude(one: _Turn, other: _Turn) -> bool:
        """Return whether two members can never be measured at the same time."""
        addresses = one.member.address, other.member.address
        if any(map(is_alone, addresses)):
            return True
        places = [place_of(address) for address in addresses]
        return places[0] is not None and places[0] == places[1]
