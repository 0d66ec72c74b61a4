"""Runs the members of a fleet in parallel: a thread waits for each, a process measures."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from bench.errors import DeviceInUseError, InterruptedSweepError, OfabenchError
from bench.options import Options
from bench.protocol.clock import Clock
from ofabench.launcher import Function, Worker
from ofabench.options.fleet import Fleet, FleetMember
from ofabench.workflows.fleet.turns import Turns
from ofabench.workflows.fleet.watcher import (
    DONE,
    FAILED,
    STOPPED,
    FleetWatcher,
    MemberWatcher,
    NoFleetWatcher,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEnd:
    """What the work of a member returned, or the error that it raised."""

    result: Mapping[str, Any] | None = None
    error: OfabenchError | None = None


class _StoppableClock:
    """The clock of this machine; waiting ends with `InterruptedSweepError` after `stop`."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for this number of seconds."""
        if self._stopped.wait(seconds):
            raise InterruptedSweepError("stopped")

    def stop(self) -> None:
        """End every wait, from any thread."""
        self._stopped.set()


class MemberRun:
    """One member while it runs, for the function that does its work.

    `display` shows its progress; `clock` waits between sessions and is ended by Ctrl-C.
    """

    def __init__(self, member: FleetMember, turns: Turns, display: MemberWatcher) -> None:
        self.member = member
        self.display = display
        self.clock: Clock
        self.clock = self._clock = _StoppableClock()
        self._turns = turns
        self._lock = threading.Lock()
        self._stopped = False
        self._worker: Worker | None = None

    def measure(self, function: Function, options: Options) -> Any:
        """Run a function in a worker process in the member's turn; return its result.

        If another process measures on its hardware, that may be another member, whose address does
        not tell: it is tried again whenever a turn of another member has ended.

        Raises:
            InterruptedSweepError: it was stopped, or `stop` was called before its turn.
            OfabenchError: the function's error, or the process ended without a result.
        """
        member, turns = self.member, self._turns
        while True:
            with turns.turn(member, self._show_waiting):
                ended = turns.ended_of_others(member)
                outcome = self._start(function, options).wait()
            if outcome.error is None:
                return outcome.result
            if not isinstance(outcome.error, DeviceInUseError):
                raise outcome.error
            self.display.show_waiting(str(outcome.error))
            if not turns.wait_for_others(member, ended):
                raise outcome.error

    def stop(self) -> None:
        """Interrupt it as Ctrl-C does; may be called from any thread at any time."""
        self._clock.stop()
        with self._lock:
            self._stopped = True
            if self._worker is not None:
                self._worker.interrupt()

    def _start(self, function: Function, options: Options) -> Worker:
        with self._lock:
            if self._stopped:
                raise InterruptedSweepError("stopped before its turn")
            # A terminal's Ctrl-C must reach it once, through `interrupt`.
            self._worker = Worker(
                function, options, progress=self.display, say=self.display.say, alone=True
            )
            return self._worker

    def _show_waiting(self, names: str) -> None:
        self.display.show_waiting(f"waiting for {names}")


Work = Callable[[MemberRun], Mapping[str, Any]]


def run_members(fleet: Fleet, work: Work, watcher: FleetWatcher | None = None) -> list[MemberEnd]:
    """Do the work of every member in parallel, and return how each ended, in their order.

    An error of one does not end the others, and neither does the end of its process. Ctrl-C is sent
    once to each, and this waits for all: every device restores its settings. A second Ctrl-C ends
    the waiting.

    Args:
        fleet: the members, and how many of them are measured at once.
        work: is called for each member, in a thread; it measures by `MemberRun.measure`.
        watcher: is shown the progress of each; None shows nothing.
    """
    watcher = watcher or NoFleetWatcher()
    turns = Turns(fleet)
    runs = [MemberRun(each, turns, watcher.member(each.name, each.address)) for each in fleet]
    with ThreadPoolExecutor(len(runs), thread_name_prefix="fleet") as pool:
        ends = [pool.submit(_end_of, run, work) for run in runs]
        try:
            wait(ends)
        except KeyboardInterrupt:
            turns.stop()
            for run in runs:
                run.stop()
            wait(ends)
    return [end.result() for end in ends]


def _end_of(run: MemberRun, work: Work) -> MemberEnd:
    """Do the work of one member."""
    try:
        result = work(run)
    except OfabenchError as error:
        run.display.end(STOPPED if isinstance(error, InterruptedSweepError) else FAILED)
        return MemberEnd(error=error)
    run.display.end(DONE)
    return MemberEnd(result=result)
