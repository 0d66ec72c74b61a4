"""Job files, and event lines: complete lines are read, truncated and damaged ones refused."""

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.devices.remote.runner.runner_protocol import (
    Job,
    ModelLoaded,
    RoundEnded,
    RunnerEnded,
    RunnerFailed,
    RunnerReady,
    RunnerStarted,
    parse_line,
)
from bench.errors import DeviceError, DeviceLostError, InputError
from tests.support.runner_events import event_line

ROUND: dict[str, Any] = {
    "event": "pass",
    "number": 0,
    "began_ns": 100,
    "ended_ns": 900,
    "samples_ns": [[10.5, 9], [20, 19]],
    "order": [1, 0, 1],
    "retaken": 1,
    "kept": 0,
    "frequencies_khz": {"cpu0": 1690000, "cpu4": None},
    "temperatures_c": {"cpu-0-0": 38.5},
    "load_average": 1.25,
}


def test_a_job_is_lines_of_key_and_value() -> None:
    job = Job(threads=2, cores="30", fp16=True, samples=3, seed=7, models=("models/a.tflite",) * 2)

    assert job.text() == (
        "ofabench-job 1\nthreads 2\ncores 30\nfp16 1\ncalls 3\nseed 7\n"
        "model models/a.tflite\nmodel models/a.tflite\n"
    )


@pytest.mark.parametrize("path", ["", "a b", "a\nseed 1", "/absolute", "-x", "ä"])
def test_a_path_that_a_job_cannot_hold_is_refused(path: str) -> None:
    job = Job(threads=1, cores="0", fp16=False, samples=1, seed=0, models=(path,))

    with pytest.raises(InputError, match="model file is"):
        job.text()


def test_a_job_with_values_is_of_version_2() -> None:
    names = ("models/a.tflite", "models/b.tflite")
    job = Job(
        threads=1, cores="0", fp16=False, samples=1, seed=0, models=names, values=("b.values", None)
    )

    assert job.text().splitlines()[0] == "ofabench-job 2"
    assert job.text().splitlines()[-3:] == [
        "model models/a.tflite",
        "values b.values",
        "model models/b.tflite",
    ]


def test_a_line_is_json_a_tab_and_its_crc() -> None:
    assert event_line({"event": "end", "passes": 3}) == b'{"event":"end","passes":3}\t%08x\n' % (
        zlib.crc32(b'{"event":"end","passes":3}')
    )


def test_events_are_read() -> None:
    def read(**event: object) -> object:
        return parse_line(event_line(event))

    assert read(event="begin", version="1", litert="2.3.0", clock_cost_ns=31) == RunnerStarted(
        version="1", litert="2.3.0", clock_cost_ns=31.0
    )
    assert read(event="model", place=2, file="m", whole_graph=False, load_ns=5) == ModelLoaded(
        place=2, file="m", whole_graph=False, load_ns=5
    )
    assert read(event="ready", loops=[1, 4]) == RunnerReady(loops=(1, 4))
    assert read(event="end", passes=3) == RunnerEnded(passes=3)
    assert read(event="error", what="no such file", file="m") == RunnerFailed(
        what="no such file", file="m"
    )
    assert read(event="error", what="no such file") == RunnerFailed(what="no such file")
    assert read(event="weather", sky="blue") is None


def test_a_round_is_read() -> None:
    result = parse_line(event_line({**ROUND, "new": "ignored"}))

    assert isinstance(result, RoundEnded)
    assert result.samples_ns.tolist() == [[10.5, 9.0], [20.0, 19.0]]
    assert result.order.tolist() == [1, 0, 1]
    assert (result.number, result.began_ns, result.ended_ns) == (0, 100, 900)
    assert (result.retaken, result.kept, result.load_average) == (1, 0, 1.25)
    assert result.frequencies_khz == {"cpu0": 1690000}
    assert result.temperatures_c == {"cpu-0-0": 38.5}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", True),
        ("number", -1),
        ("number", 1.0),
        ("began_ns", "100"),
        ("samples_ns", []),
        ("samples_ns", [[1.0], [1.0, 2.0]]),
        ("samples_ns", [[]]),
        ("samples_ns", [[0.0, 1.0]]),
        ("samples_ns", [[True, 1.0]]),
        ("order", [0.5]),
        ("order", None),
        ("frequencies_khz", [1]),
        ("temperatures_c", {"cpu": "hot"}),
        ("load_average", "high"),
        ("event", 3),
    ],
)
def test_a_complete_line_with_a_wrong_field_is_of_another_version(
    field: str, value: object
) -> None:
    with pytest.raises(DeviceError, match=f"{field}.* is .*expected.*build its bundle again") as it:
        parse_line(event_line({**ROUND, field: value}))

    assert not isinstance(it.value, DeviceLostError)


@pytest.mark.parametrize("text", [b"[1]", b"nonsense", b'{"event":"end","passes":NaN}', b"\xff"])
def test_a_complete_line_without_an_event_is_of_another_version(text: bytes) -> None:
    with pytest.raises(DeviceError, match="the runner wrote"):
        parse_line(text + b"\t%08x\n" % zlib.crc32(text))


def test_numbers_above_the_largest_float_are_refused() -> None:
    line = json.dumps(ROUND).replace("10.5", "1e999").encode()

    with pytest.raises(DeviceError, match="samples_ns"):
        parse_line(line + b"\t%08x" % zlib.crc32(line))


LINE = event_line(ROUND)


@given(st.integers(0, len(LINE) - 3))
def test_a_truncated_line_is_garbled(length: int) -> None:
    with pytest.raises(DeviceLostError, match="garbled"):
        parse_line(LINE[:length])


@given(st.integers(0, len(LINE) - 2), st.integers(1, 255))
def test_a_line_with_a_damaged_byte_is_garbled(place: int, change: int) -> None:
    damaged = bytearray(LINE)
    damaged[place] ^= change

    with pytest.raises(DeviceLostError, match="garbled"):
        parse_line(bytes(damaged))


@given(st.binary(max_size=60))
def test_random_bytes_raise_a_device_error(noise: bytes) -> None:
    with pytest.raises(DeviceError):
        parse_line(noise)
    with pytest.raises(DeviceError, match="build its bundle again"):
        parse_line(noise + b"\t%08x\n" % zlib.crc32(noise))
