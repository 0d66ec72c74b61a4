"""A session of the phone's runner: started, allowed to run rounds ahead, read, ended.

Passes are granted two ahead, so that the phone never waits for this machine. It falls idle only
where that is wanted: to look at its state, or to let it cool.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.devices.android.phone.connection import Process
from bench.devices.android.phone.settings_guard import error_line
from bench.devices.android.runner.runner_text import (
    PASS,
    STOP,
    Begin,
    End,
    Event,
    Failed,
    ModelLoaded,
    PassEnded,
    Ready,
    parse_line,
)
from bench.errors import DeviceError, DeviceLostError

E = TypeVar("E", bound=Event)

CREDITS = 2
# Of silence at most: before the first event, for one model to be loaded, and for each of them to be
# called twice before it is ready.
START_S, MODEL_S, CALLED_S = 30.0, 40.0, 3.0
LEAST_S = 20.0  # any pass may take that long
PATIENCE = 10.0  # times what was needed before
END_S = 30.0
EXIT_BAD_INPUT, EXIT_RUNTIME = 3, 4
SIGNALLED = 128  # and above: ended by a signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the runner said before its first pass; times in seconds."""

    litert: str
    clock_cost_ns: float
    whole_graphs: tuple[bool, ...]  # by place
    loops: tuple[int, ...]
    load_s: float  # for the models, as the phone's clock had it
    ready_s: float  # from the start until it was ready, as this machine had it


class RunnerProcess:
    """A runner that is up. Everything read from it is checked against the job that it was given.

    `DeviceLostError` where it or the connection broke off, or said nothing for far longer than it
    needed before; `DeviceError` where it cannot do what the job asks.
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
        self._passes = 0
        self._granted = 0
        self._pass_s = 0.0  # what one needs, as far as is known

    @property
    def idle(self) -> bool:
        """Whether it has given all the passes it was granted."""
        return self._granted == self._passes

    def load(self, each: Callable[[], None]) -> Loaded:
        """Read until it is ready; `each` is called for each model."""
        began_s = self._clock_s()
        begin = self._expect(Begin, START_S)
        whole: dict[int, bool] = {}
        load_ns = 0
        while True:
            silent_s = self._clock_s()
            # It calls each model twice before it is ready, and says nothing meanwhile.
            event = self._next(MODEL_S + CALLED_S * len(whole))
            if isinstance(event, Ready):
                break
            if not isinstance(event, ModelLoaded) or event.place in whole:
                raise DeviceError(f"the runner said {event!r:.80} while it loaded models")
            whole[event.place] = event.whole_graph
            load_ns += event.load_ns
            each()
        places = self._shape[0]
        if sorted(whole) != list(range(places)) or len(event.loops) != places:
            raise DeviceError(f"the runner loaded {len(whole)} models, the job has {places}")
        ready_s = self._clock_s() - began_s
        self._pass_s = self._shape[1] * (self._clock_s() - silent_s)
        return Loaded(
            litert=begin.litert,
            clock_cost_ns=begin.clock_cost_ns,
            whole_graphs=tuple(whole[place] for place in range(places)),
            loops=event.loops,
            load_s=load_ns / 1e9,
            ready_s=ready_s,
        )

    def grant(self, most: int = CREDITS) -> None:
        """Let it run until it is `most` passes ahead of what was read."""
        wanted = self._passes + most - self._granted
        if wanted > 0:
            self._process.write(PASS * wanted)
            self._granted += wanted

    def next_pass(self) -> PassEnded:
        """Read one pass; it must have been granted."""
        found = self._expect(PassEnded, max(LEAST_S, PATIENCE * self._pass_s))
        places = self._shape[0]
        told = set(found.order.tolist())
        if found.number != self._passes or found.samples_ns.shape != self._shape:
            raise DeviceLostError(
                f"the runner gave pass {found.number} of {found.samples_ns.shape}, expected "
                f"{self._passes} of {self._shape}"
            )
        if told != set(range(places)) or len(found.order) != places + found.retaken:
            raise DeviceError("the runner did not visit every model: build its bundle again")
        took_s = (found.ended_ns - found.began_ns) / 1e9
        self._pass_s = max(took_s, self._pass_s if self._passes else 0.0)
        self._passes += 1
        return found

    def stop(self) -> None:
        """End it in order, as after the last pass; passes that it was granted are read."""
        self._process.write(STOP)
        while not self.idle:
            self.next_pass()
        self._expect(End, END_S)
        while self._process.read_line(END_S) is not None:
            pass

    def _expect(self, kind: type[E], silence_s: float) -> E:
        event = self._next(silence_s)
        if not isinstance(event, kind):
            raise DeviceError(f"the runner said {event!r:.80}, expected {kind.__name__}")
        return event

    def _next(self, silence_s: float) -> Event:
        """Next event that is known here; what the runner says of a failure is raised."""
        while True:
            line = self._process.read_line(silence_s)
            if line is None:
                raise self._ended()
            event = parse_line(line)
            if isinstance(event, Failed):
                raise DeviceError(_failure(event))
            if event is not None:
                return event

    def _ended(self) -> DeviceError:
        """Why there is nothing more to read, where there should be."""
        status, said = self._process.status, error_line(self._process.err)
        if status is None:
            return DeviceLostError("the runner's output ended, and it did not")
        if status > SIGNALLED:
            hint = ", as Android does when memory is short" if status == SIGNALLED + 9 else ""
            return DeviceLostError(f"the runner was ended by signal {status - SIGNALLED}{hint}")
        if status in (EXIT_BAD_INPUT, EXIT_RUNTIME):
            return DeviceError(f"the runner cannot do this load: {said}")
        if status == 0:
            return DeviceLostError("the runner ended before its last pass")
        return DeviceError(f"the runner does not start (exit status {status}): {said}")


def share_whole(whole: Sequence[bool]) -> float:
    """Share of the models that XNNPACK took whole."""
    return sum(whole) / len(whole) if whole else 1.0


def _failure(event: Failed) -> str:
    about = f" ({event.file})" if event.file else ""
    return f"the runner cannot do this load: {event.what}{about}"
