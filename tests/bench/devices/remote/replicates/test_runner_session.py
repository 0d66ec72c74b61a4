"""Runner sessions: rounds granted, events read, and errors of every kind of end."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import pytest

from bench.devices.remote.replicates.runner_session import RunnerProcess, share_whole
from bench.errors import DeviceError, DeviceLostError
from tests.support.runner_events import event_line

BEGIN = {"event": "begin", "version": "1", "litert": "2.3.0", "clock_cost_ns": 30.0}
END = {"event": "end", "passes": 2}


def model(place: int, *, whole: bool = True) -> dict[str, Any]:
    seconds = 2_000_000_000
    return {
        "event": "model",
        "place": place,
        "file": "m",
        "whole_graph": whole,
        "load_ns": seconds,
    }


def a_round(number: int, **other: object) -> dict[str, Any]:
    return {
        "event": "pass",
        "number": number,
        "began_ns": number * 10**9,
        "ended_ns": (number + 1) * 10**9,
        "samples_ns": [[1e6, 1e6], [2e6, 2e6]],
        "order": [1, 0],
        "retaken": 0,
        "kept": 0,
        "frequencies_khz": {},
        "temperatures_c": {},
        "load_average": None,
        **other,
    }


READY = [BEGIN, model(1), model(0, whole=False), {"event": "ready", "loops": [1, 4]}]


class Script:
    """Process that prints given lines, a second apart."""

    def __init__(
        self, *events: Mapping[str, Any] | bytes, status: int | None = 0, err: bytes = b""
    ) -> None:
        self._lines = [event if isinstance(event, bytes) else event_line(event) for event in events]
        self.status = status
        self.err = err
        self.written = b""
        self.patience_s: list[float] = []
        self.now_s = 0.0

    def read_line(self, timeout_s: float) -> bytes | None:
        self.patience_s.append(timeout_s)
        self.now_s += 1.0
        return self._lines.pop(0) if self._lines else None

    def write(self, data: bytes) -> None:
        self.written += data

    def close_stdin(self) -> None:
        raise AssertionError("a session leaves this to its caller")

    def close(self) -> None:
        raise AssertionError("a session leaves this to its caller")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def runner(script: Script) -> RunnerProcess:
    return RunnerProcess(script, 2, 2, clock_s=lambda: script.now_s)


def loaded(*events: Mapping[str, Any] | bytes, **how: Any) -> tuple[RunnerProcess, Script]:
    script = Script(*READY, *events, **how)
    running = runner(script)
    running.load(lambda: None)
    return running, script


def test_events_before_the_first_round_are_returned() -> None:
    seen: list[int] = []

    result = runner(Script(*READY)).load(lambda: seen.append(1))

    assert (result.litert, result.clock_cost_ns) == ("2.3.0", 30.0)
    assert (result.whole_graphs, result.loops) == ((False, True), (1, 4))
    assert (result.load_s, result.ready_s) == (4.0, 4.0)
    assert len(seen) == 2
    assert share_whole(result.whole_graphs) == 0.5


def test_rounds_are_granted_two_ahead_and_read_as_they_end() -> None:
    running, script = loaded(a_round(0), a_round(1), a_round(2), {**END, "passes": 3})

    assert running.idle
    running.grant()
    assert script.written == b"pass\npass\n"
    assert running.next_round().samples_ns.tolist() == [[1e6, 1e6], [2e6, 2e6]]
    running.grant()
    assert script.written == b"pass\n" * 3
    assert not running.idle
    assert [running.next_round().number for _ in range(2)] == [1, 2]
    assert running.idle
    running.stop()
    assert script.written == b"pass\npass\npass\nstop\n"


def test_a_stop_reads_the_granted_rounds() -> None:
    running, script = loaded(a_round(0), a_round(1), END)
    running.grant()

    running.stop()

    assert script.written.endswith(b"stop\n")
    assert running.idle


def test_the_timeout_of_a_round_is_ten_times_the_longest_round() -> None:
    long = a_round(1, began_ns=10**9, ended_ns=5 * 10**9)
    running, script = loaded(a_round(0), long, a_round(2), a_round(3))
    running.grant(4)

    for _ in range(4):
        running.next_round()

    # Before the first: two untimed calls took 2 s. Later: the longest round took 1 s, then 4 s.
    assert script.patience_s[-4:] == [20.0, 20.0, 40.0, 40.0]


def test_unknown_events_are_skipped() -> None:
    running, _ = loaded({"event": "weather"}, a_round(0), {"event": "weather"}, END)
    running.grant(1)

    running.stop()

    assert running.idle


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (b'{"event":"pa', "garbled"),
        (a_round(1), r"sent round 1 of \(2, 2\), expected 0 of \(2, 2\)"),
        (a_round(0, samples_ns=[[1.0]]), r"sent round 0 of \(1, 1\)"),
    ],
)
def test_a_damaged_line_is_an_error_that_allows_a_repetition(
    event: Mapping[str, Any] | bytes, words: str
) -> None:
    running, _ = loaded(event)
    running.grant()

    with pytest.raises(DeviceLostError, match=words):
        running.next_round()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (137, "ended by signal 9, as Android does when memory is short"),
        (139, "ended by signal 11$"),
        (0, "ended before its last round"),
        (None, "output ended, but the runner did not"),
    ],
)
def test_a_runner_that_ends_early_can_be_started_again(status: int | None, words: str) -> None:
    running, _ = loaded(status=status)
    running.grant()

    with pytest.raises(DeviceLostError, match=words):
        running.next_round()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (3, "cannot measure this replicate: no job"),
        (4, "cannot measure this replicate: no job"),
        (127, r"does not start \(exit status 127\): no job"),
    ],
)
def test_a_runner_that_refuses_its_job_is_not_started_again(status: int, words: str) -> None:
    with pytest.raises(DeviceError, match=words) as error:
        runner(Script(status=status, err=b"no\njob\n")).load(lambda: None)

    assert not isinstance(error.value, DeviceLostError)


def test_the_runners_error_message_is_reported() -> None:
    result = {"event": "error", "what": "not a model", "file": "models/a.tflite"}

    with pytest.raises(DeviceError, match=r"not a model \(models/a.tflite\)"):
        runner(Script(BEGIN, result, status=3)).load(lambda: None)


@pytest.mark.parametrize(
    "events",
    [
        [BEGIN, BEGIN],
        [BEGIN, model(0), model(0)],
        [BEGIN, model(0), {"event": "ready", "loops": [1]}],
        [BEGIN, model(0), model(1), {"event": "ready", "loops": [1]}],
        [model(0)],
    ],
)
def test_a_runner_that_loads_other_models_is_refused(events: Sequence[Mapping[str, Any]]) -> None:
    with pytest.raises(DeviceError, match=r"the runner (sent|loaded)"):
        runner(Script(*events)).load(lambda: None)


@pytest.mark.parametrize("order", [[0, 0], [1, 0, 1], [0, 2]])
def test_a_round_without_every_model_is_refused(order: list[int]) -> None:
    running, _ = loaded(a_round(0, order=order))
    running.grant()

    with pytest.raises(DeviceError, match="did not run every model"):
        running.next_round()


def test_the_share_of_no_models_is_1() -> None:
    assert share_whole(()) == 1.0
