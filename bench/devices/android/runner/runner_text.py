"""The protocol of the on-phone runner: job files, and lines of events.

A job is lines of `key value`. An event is a JSON object, a tab, and zlib's CRC-32 of the JSON's
bytes in 8 hex digits: a line that a broken connection cut or damaged is never taken for whole.
"""

import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Never

import numpy as np
from numpy.typing import NDArray

from bench.devices.android.facts.temperatures import only_temperatures
from bench.devices.android.runner.fields import Fields
from bench.errors import DeviceError, DeviceLostError, InputError

JOB_VERSION = 1
PASS, STOP = b"pass\n", b"stop\n"
_LINE = re.compile(rb"(.*)\t([0-9a-f]{8})\r?\n?", re.DOTALL)
_PATH = re.compile(r"[\w.][\w./-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One load. `cores` is a mask in hex, 0 for unpinned; `models` are paths beside the job."""

    threads: int
    cores: str
    fp16: bool
    calls: int
    seed: int
    models: tuple[str, ...]

    def text(self) -> str:
        """The job file's content; `InputError` for a path that it cannot hold."""
        for path in self.models:
            if not _PATH.fullmatch(path):
                raise InputError(f"model file is {path!r}, expected letters, digits and ./_-")
        lines = [
            f"ofabench-job {JOB_VERSION}",
            f"threads {self.threads}",
            f"cores {self.cores}",
            f"fp16 {int(self.fp16)}",
            f"calls {self.calls}",
            f"seed {self.seed}",
            *(f"model {path}" for path in self.models),
        ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The runner is up."""

    version: str
    litert: str
    clock_cost_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoaded:
    """One model is in memory; `whole_graph` where XNNPACK took every operator of it."""

    place: int
    file: str
    whole_graph: bool
    load_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Every model was called once; `loops` are calls timed together, for each."""

    loops: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PassEnded:
    """One pass by the phone's raw monotonic clock; times in ns, places x calls."""

    number: int
    began_ns: int
    ended_ns: int
    samples_ns: NDArray[np.float64]
    order: NDArray[np.int64]
    retaken: int
    kept: int  # disturbed visits that were kept
    frequencies_khz: Mapping[str, int] = field(default_factory=dict)
    temperatures_c: Mapping[str, float] = field(default_factory=dict)
    load_average: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The runner ends as it was told to."""

    passes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The runner ends because something is wrong."""

    what: str
    file: str = ""


Event = Begin | ModelLoaded | Ready | PassEnded | End | Failed


def event_line(event: Mapping[str, Any]) -> bytes:
    """Write an event as the runner does."""
    text = json.dumps(event, separators=(",", ":")).encode()
    return text + b"\t%08x\n" % zlib.crc32(text)


def parse_line(line: bytes) -> Event | None:
    """Read one line; None for an event of a kind that is not known here.

    `DeviceLostError` where the line is not whole; `DeviceError` where it is, and yet says
    something else than it must: then the runner is of another version.
    """
    match = _LINE.fullmatch(line)
    if match is None or zlib.crc32(match[1]) != int(match[2], 16):
        raise DeviceLostError(f"the runner's output came garbled: {line[:60]!r}")
    try:
        said = json.loads(match[1], parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DeviceError(f"the runner wrote no JSON ({error}); build its bundle again") from error
    if not isinstance(said, dict):
        raise DeviceError(
            f"the runner wrote {said!r:.60}, expected an event; build its bundle again"
        )
    fields = Fields(said)
    reader = _READERS.get(fields.text("event"))
    return reader(fields) if reader else None


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no number")


def _begin(said: Fields) -> Begin:
    return Begin(
        version=said.text("version"),
        litert=said.text("litert"),
        clock_cost_ns=said.number("clock_cost_ns"),
    )


def _model(said: Fields) -> ModelLoaded:
    return ModelLoaded(
        place=said.count("place"),
        file=said.text("file"),
        whole_graph=said.flag("whole_graph"),
        load_ns=said.count("load_ns"),
    )


def _pass(said: Fields) -> PassEnded:
    frequencies = said.readings("frequencies_khz")
    return PassEnded(
        number=said.count("number"),
        began_ns=said.count("began_ns"),
        ended_ns=said.count("ended_ns"),
        samples_ns=said.times("samples_ns"),
        order=np.array(said.counts("order"), dtype=np.int64),
        retaken=said.count("retaken"),
        kept=said.count("kept"),
        frequencies_khz={name: round(value) for name, value in frequencies.items()},
        temperatures_c=only_temperatures(said.readings("temperatures_c")),
        load_average=said.number_or_none("load_average"),
    )


_READERS: Mapping[str, Callable[[Fields], Event]] = {
    "begin": _begin,
    "model": _model,
    "ready": lambda said: Ready(loops=said.counts("loops")),
    "pass": _pass,
    "end": lambda said: End(passes=said.count("passes")),
    "error": lambda said: Failed(what=said.text("what"), file=said.text("file", "")),
}
