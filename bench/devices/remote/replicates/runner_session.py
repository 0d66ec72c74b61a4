"""A session of the device's runner: started, granted rounds ahead, read, ended.

Two rounds are granted ahead, so that the device never waits for this machine. It is idle only on
purpose: while its state is read, or to cool down.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.devices.remote.connection import Process, error_line
from bench.devices.remote.runner.runner_protocol import (
    PASS,
    STOP,
    Event,
    ModelLoaded,
    RoundEnded,
    RunnerEnded,
    RunnerFailed,
    RunnerReady,
    RunnerStarted,
    parse_line,
)
from bench.errors import DeviceError, DeviceLostError

E = TypeVar("E", bound=Event)

CREDITS = 2
# Longest silence: before the first event, while one model loads, and for each model while all of
# them are run twice before it is ready.
START_S, MODEL_S, CALLED_S = 30.0, 40.0, 3.0
LEAST_S = 20.0  # any round may take this long
PATIENCE = 10.0  # times the duration of earlier rounds
END_S = 30.0
EXIT_BAD_INPUT, EXIT_RUNTIME = 3, 4
SIGNALLED = 128  # and above: ended by a signal


class RunnerRefusalError(DeviceError):
    """The runner ended with an error; `file` is the file it names, or empty."""

    def __init__(self, reason: str, *, file: str) -> None:
        named = f" ({file})" if file else ""
        super().__init__(f"the runner cannot measure this replicate: {reason}{named}")
        self.reason = reason
        self.file = file


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadingReport:
    """The runner's report before its first round; times in seconds."""

    litert: str
    clock_cost_ns: float
    whole_graphs: tuple[bool, ...]  # by place
    loops: tuple[int, ...]
    load_s: float  # for the models, by the device's clock
    ready_s: float  # from the start until it was ready, by this machine's clock


class RunnerProcess:
    """A running runner. Everything read from it is checked against its job.

    Raises `DeviceLostError` if it or the connection broke, or was silent for far longer than
    before; `DeviceError` if it cannot do what the job requires.
    """

    def __init__(
        self,
        process: Process,
        places: int,
        calls: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process = process
        self._shape = (places, calls)
        self._clock_s = clock_s
        self._rounds = 0
        self._granted = 0
        self._round_s = 0.0  # duration of a round, as far as known

    @property
    def idle(self) -> bool:
        """Whether it has delivered all granted rounds."""
        return self._granted == self._rounds

    def load(self, each: Callable[[], None]) -> LoadingReport:
        """Read until it is ready; `each` is called for each model."""
        began_s = self._clock_s()
        begin = self._expect(RunnerStarted, START_S)
        whole_graphs: dict[int, bool] = {}
        load_ns = 0
        while True:
            last_event_s = self._clock_s()
            # It runs each model twice before it is ready, without sending anything.
            event = self._next(MODEL_S + CALLED_S * len(whole_graphs))
            if isinstance(event, RunnerReady):
                break
            if not isinstance(event, ModelLoaded) or event.place in whole_graphs:
                raise DeviceError(f"the runner sent {event!r:.80} while it loaded models")
            whole_graphs[event.place] = event.whole_graph
            load_ns += event.load_ns
            each()
        places = self._shape[0]
        if sorted(whole_graphs) != list(range(places)) or len(event.loops) != places:
            raise DeviceError(f"the runner loaded {len(whole_graphs)} models, the job has {places}")
        ready_s = self._clock_s() - began_s
        self._round_s = self._shape[1] * (self._clock_s() - last_event_s)
        return LoadingReport(
            litert=begin.litert,
            clock_cost_ns=begin.clock_cost_ns,
            whole_graphs=tuple(whole_graphs[place] for place in range(places)),
            loops=event.loops,
            load_s=load_ns / 1e9,
            ready_s=ready_s,
        )

    def grant(self, most: int = CREDITS) -> None:
        """Let it run until it is `most` rounds ahead of those read."""
        missing = self._rounds + most - self._granted
        if missing > 0:
            self._process.write(PASS * missing)
            self._granted += missing

    def next_round(self) -> RoundEnded:
        """Read one round, which must have been granted."""
        measured = self._expect(RoundEnded, max(LEAST_S, PATIENCE * self._round_s))
        places = self._shape[0]
        visited = set(measured.order.tolist())
        if measured.number != self._rounds or measured.samples_ns.shape != self._shape:
            raise DeviceLostError(
                f"the runner sent round {measured.number} of {measured.samples_ns.shape}, expected "
                f"{self._rounds} of {self._shape}"
            )
        if visited != set(range(places)) or len(measured.order) != places + measured.retaken:
            raise DeviceError("the runner did not run every model: build its bundle again")
        took_s = (measured.ended_ns - measured.began_ns) / 1e9
        self._round_s = max(took_s, self._round_s if self._rounds else 0.0)
        self._rounds += 1
        return measured

    def stop(self) -> None:
        """End it normally after its last round; granted rounds are read first."""
        self._process.write(STOP)
        while not self.idle:
            self.next_round()
        self._expect(RunnerEnded, END_S)
        while self._process.read_line(END_S) is not None:
            pass

    def _expect(self, kind: type[E], silence_s: float) -> E:
        event = self._next(silence_s)
        if not isinstance(event, kind):
            raise DeviceError(f"the runner sent {event!r:.80}, expected {kind.__name__}")
        return event

    def _next(self, silence_s: float) -> Event:
        """Return the next event of a known kind; raise an error for a reported failure."""
        while True:
            line = self._process.read_line(silence_s)
            if line is None:
                raise self._ended()
            event = parse_line(line)
            if isinstance(event, RunnerFailed):
                raise RunnerRefusalError(event.what, file=event.file)
            if event is not None:
                return event

    def _ended(self) -> DeviceError:
        """Return the error for an unexpected end of its output."""
        status, message = self._process.status, error_line(self._process.err)
        if status is None:
            return DeviceLostError("the runner's output ended, but the runner did not")
        if status > SIGNALLED:
            hint = ", as Android does when memory is short" if status == SIGNALLED + 9 else ""
            return DeviceLostError(f"the runner was ended by signal {status - SIGNALLED}{hint}")
        if status in (EXIT_BAD_INPUT, EXIT_RUNTIME):
            return DeviceError(f"the runner cannot measure this replicate: {message}")
        if status == 0:
            return DeviceLostError("the runner ended before its last round")
        return DeviceError(f"the runner does not start (exit status {status}): {message}")


def share_whole(whole: Sequence[bool]) -> float:
    """Return the share of the models that XNNPACK runs as a whole."""
    return sum(whole) / len(whole) if whole else 1.0
