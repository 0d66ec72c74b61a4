"""The protocol of the on-phone runner: job files, and lines of events.

A job consists of lines `key value`; a job of version 2 also names the values of models' inputs. An
event is a JSON object, a tab, and zlib's CRC-32 of the JSON's bytes in 8 hex digits: a truncated or
damaged line is always detected.
"""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Never

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.devices.remote.facts.temperatures import only_temperatures
from bench.errors import DeviceError, DeviceLostError, InputError
from bench.reading import Count, Number, Positive, from_plain

JOB_VERSION, VALUES_VERSION = 1, 2  # without and with values of inputs
PASS, STOP = b"pass\n", b"stop\n"
_LINE = re.compile(rb"(.*)\t([0-9a-f]{8})\r?\n?", re.DOTALL)
_PATH = re.compile(r"[\w.][\w./-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One replicate.

    Attributes:
        cores: a hex mask, 0 for unpinned.
        models: paths beside the job.
        values: for each model the path of its inputs' values, None for random ones; empty where
            all are random.
    """

    threads: int
    cores: str
    fp16: bool
    samples: int
    seed: int
    models: tuple[str, ...]
    values: tuple[str | None, ...] = ()

    def text(self) -> str:
        """Return the job file's content; `InputError` for a path that it cannot contain."""
        values = self.values or (None,) * len(self.models)
        for path in (*self.models, *values):
            if path is not None and not _PATH.fullmatch(path):
                raise InputError(f"model file is {path!r}, expected letters, digits and ./_-")
        lines = [
            f"ofabench-job {VALUES_VERSION if any(values) else JOB_VERSION}",
            f"threads {self.threads}",
            f"cores {self.cores}",
            f"fp16 {int(self.fp16)}",
            f"calls {self.samples}",
            f"seed {self.seed}",
        ]
        for model, path in zip(self.models, values, strict=True):
            lines += [f"model {model}", *([] if path is None else [f"values {path}"])]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerStarted:
    """The runner has started."""

    version: str
    litert: str
    clock_cost_ns: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoaded:
    """One model is in memory; `whole_graph`: XNNPACK runs every operator of it."""

    place: Count
    file: str
    whole_graph: bool
    load_ns: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerReady:
    """Every model has run once; `loops` is the number of inferences timed together, for each."""

    loops: tuple[Count, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundEnded:
    """One round by the device's raw monotonic clock; times in ns, places x samples."""

    number: Count
    began_ns: Count
    ended_ns: Count
    samples_ns: NDArray[np.float64]
    order: NDArray[np.int64]
    retaken: Count
    kept: Count  # disturbed bursts that count
    frequencies_khz: Mapping[str, Number]
    temperatures_c: Mapping[str, Number]
    load_average: Number | None = None

    def __post_init__(self) -> None:
        """Keep only temperatures."""
        object.__setattr__(self, "temperatures_c", only_temperatures(self.temperatures_c))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerEnded:
    """The runner ends as requested."""

    passes: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerFailed:
    """The runner ends because of an error."""

    what: str
    file: str = ""


Event = RunnerStarted | ModelLoaded | RunnerReady | RoundEnded | RunnerEnded | RunnerFailed
_EVENTS: Mapping[str, type[Event]] = {
    "begin": RunnerStarted,
    "model": ModelLoaded,
    "ready": RunnerReady,
    "pass": RoundEnded,
    "end": RunnerEnded,
    "error": RunnerFailed,
}
_Rows = tuple[tuple[Positive, ...], ...]


def parse_line(line: bytes) -> Event | None:
    """Parse one line; None for an event of an unknown kind.

    Raises `DeviceLostError` for an incomplete line; `DeviceError` for a complete one with invalid
    content: then the runner is of another version.
    """
    match = _LINE.fullmatch(line)
    if match is None or zlib.crc32(match[1]) != int(match[2], 16):
        raise DeviceLostError(f"the runner's output is garbled: {line[:60]!r}")
    try:
        event = json.loads(match[1], parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DeviceError(
            f"the runner wrote invalid JSON ({error}); build its bundle again"
        ) from error
    if not isinstance(event, dict):
        raise DeviceError(
            f"the runner wrote {event!r:.60}, expected an event; build its bundle again"
        )
    advice = "runner and host are of different versions: build its bundle again"
    name = event.pop("event", None)
    if not isinstance(name, str):
        raise DeviceError(f"the runner's event is {name!r:.60}, expected a string; {advice}")
    if name not in _EVENTS:
        return None
    return from_plain(
        _EVENTS[name],
        {key: _known(value) for key, value in event.items()},
        f"the runner's event {name!r}",
        error=DeviceError,
        advice=advice,
        other_keys=True,
        decode=_array,
    )


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a number")


def _known(value: Any) -> Any:
    """Return readings without null, which stands for unreadable sensors."""
    if not isinstance(value, dict):
        return value
    return {name: reading for name, reading in value.items() if reading is not None}


def _array(kind: Any, value: Any) -> NDArray[Any]:
    """Return an array of rows of times, or of places, from lists."""
    is_times = kind == NDArray[np.float64]
    try:
        if is_times:
            array = np.array(msgspec.convert(value, _Rows), dtype=np.float64)
        else:
            array = np.array(msgspec.convert(value, tuple[Count, ...]), dtype=np.int64)
    except ValueError:
        array = np.empty(0)
    if array.size == 0:
        times = "rows of equal length, of times above 0"
        raise ValueError(times if is_times else "a list of whole numbers of at least 0")
    return array
