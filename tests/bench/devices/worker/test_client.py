"""The client of a worker: its start, its errors, its end, and a worker that does not answer."""

import logging
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from bench.devices.worker.client import WorkerClient
from bench.devices.worker.frames import FrameReader
from bench.devices.worker.messages import (
    Hello,
    LogLine,
    Message,
    Pong,
    RemoteError,
    Reply,
    Stop,
    pack_message,
    parse_message,
)
from bench.devices.worker.shipping import NamedBackend, ShippedWork
from bench.devices.worker.start_failure import command_of
from bench.devices.worker.timeouts import WorkerTimeouts
from bench.devices.worker.version import own_version
from bench.errors import (
    DeviceError,
    DeviceLostError,
    InputError,
    MissingRuntimeError,
    OfabenchError,
)
from bench.protocol.device import ReplicatePlan
from bench.protocol.target import Target
from tests.support.odd_worker import ROUND
from tests.support.worker_process import LocalProcess

HELLO = Hello(protocol=1, ofabench=own_version())
TIMEOUTS = WorkerTimeouts(start_s=60, ping_s=10, silence_s=60, call_s=600, stop_s=10)


class Scripted:
    """A worker process that says what it is given; a pause is None, its end b"".

    Its clock advances while the client waits.
    """

    def __init__(
        self, *says: Message | bytes | None, status: int | None = None, err: bytes = b""
    ) -> None:
        self._says = list(says)
        self.status, self.err = status, err
        self.now_s = 0.0
        self.reader = FrameReader()
        self.received: list[Message] = []
        self.is_closed = False

    def read(self, timeout_s: float) -> bytes | None:
        said = self._says.pop(0) if self._says else None
        if said is None:
            self.now_s += timeout_s
            return None
        return said if isinstance(said, bytes) else pack_message(said)

    def write(self, data: bytes) -> None:
        self.received += map(parse_message, self.reader.feed(data))

    def close_stdin(self) -> None:
        """The end of its input is not noticed."""

    def close(self) -> None:
        self.is_closed = True


def client_of(process: Scripted) -> WorkerClient:
    return WorkerClient(process, "py/python", "ssh:pi", TIMEOUTS, lambda: process.now_s)


def result(value: object, number: int = 1) -> Reply:
    return Reply(number=number, kind="result", value=value)


def refused(error: OfabenchError, number: int = 1) -> Reply:
    return Reply(number=number, kind="error", value=RemoteError.of(error))


@pytest.fixture
def odd() -> Iterator[WorkerClient]:
    """A client of `tests.support.odd_worker`."""
    process = LocalProcess([sys.executable, "-m", "tests.support.odd_worker"])
    with closing(WorkerClient(process, "python", "ssh:odd")) as client:
        yield client


def odd_rounds(client: WorkerClient) -> Iterator[object]:
    return client.stream(
        "run_replicate",
        first_s=60,
        later_s=lambda: 60,
        work=ShippedWork(work=(), backend=NamedBackend("fake")),
        target=Target(device="d", backend="b", backend_version="1"),
        plan=ReplicatePlan(),
    )


NO_BENCH = (
    b"/py/python: Error while finding module specification for 'bench.worker' "
    b"(ModuleNotFoundError: No module named 'bench')\n"
)


@pytest.mark.parametrize(
    ("process", "kind", "message"),
    [
        (Scripted(b"", status=127, err=b"sh: 1: py/python: not found\n"), DeviceError,
         "there is no Python at py/python: give its path there by --remote-python"),
        (Scripted(b"", status=126, err=b"sh: 1: py/python: Permission denied\n"), DeviceError,
         "py/python cannot be run there: sh: 1: py/python: Permission denied"),
        (Scripted(b"", status=2, err=b"Unknown option: -P\nusage: python\n"), DeviceError,
         "py/python is older than Python 3.11, which ofabench needs"),
        (Scripted(b"", status=1, err=NO_BENCH), MissingRuntimeError,
         "py/python has no ofabench: run there `py/python -m pip install ofabench`"),
        (Scripted(b"", status=1, err=b"py/python: No module named bench.worker\n"),
         MissingRuntimeError,
         "the ofabench of py/python is too old to have a worker: run there `py/python -m pip "
         "install --upgrade ofabench`"),
        (Scripted(b"Welcome!\n", b"", status=0), DeviceError,
         "the worker of py/python did not start (exit status 0): Welcome!"),
        (Scripted(b"", status=139), DeviceError,
         "the worker of py/python did not start (by signal 11): it printed nothing"),
        (Scripted(b"", status=1, err=b"Traceback:\n  line\nImportError: libz\n"), DeviceError,
         "the worker of py/python did not start (exit status 1): ImportError: libz"),
        (Scripted(), DeviceLostError, "the worker did not begin within 60 s"),
        (Scripted(Pong(), result(1)), DeviceError, "the worker began with Reply(number=1"),
        (Scripted(Hello(protocol=2, ofabench="9.0")), MissingRuntimeError,
         f"py/python has ofabench 9.0 (protocol 2), here it is {own_version()} (protocol 1): both "
         f"must be the same; run there `py/python -m pip install ofabench=={own_version()}`"),
        (Scripted(Hello(protocol=1, ofabench="0.0.1")), MissingRuntimeError,
         f"py/python has ofabench 0.0.1, here it is {own_version()}: both must be the same"),
    ],
)  # fmt: skip
def test_a_worker_that_cannot_be_used_is_one_line_with_what_to_do(
    process: Scripted, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as raised:
        client_of(process)

    assert str(raised.value).startswith(f"ssh:pi: {message}")
    assert "\n" not in str(raised.value)
    assert process.is_closed


def test_messages_of_real_interpreters_are_understood(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    (tmp_path / "older" / "bench").mkdir(parents=True)
    (tmp_path / "older" / "bench" / "__init__.py").touch()
    older = {"PYTHONPATH": str(tmp_path / "older")}

    for python, environment, message in (
        ("/nowhere/python", {}, "there is no Python at"),
        (str(tmp_path), {}, "cannot be run there"),
        (str(bare), {"PYTHONPATH": ""}, "has no ofabench"),
        (str(bare), older, "is too old to have a worker"),
    ):
        process = LocalProcess(command_of(python), environment)
        with pytest.raises(OfabenchError, match=message):
            WorkerClient(process, python, "ssh:pi")
        assert process.status is not None


def test_a_home_folder_is_where_commands_start() -> None:
    assert command_of("~/venv/bin/python")[0] == "venv/bin/python"
    assert command_of("/usr/bin/python3") == ["/usr/bin/python3", "-P", "-m", "bench.worker"]
    assert command_of("python3")[0] == "python3"


def test_what_a_login_shell_prints_does_no_harm() -> None:
    with closing(client_of(Scripted(b"Welcome!\n", HELLO, result("pi")))) as client:
        assert client.call("slug") == "pi"


def test_errors_come_back_with_their_class_and_the_address() -> None:
    process = Scripted(
        HELLO,
        refused(InputError("threads are 8,\nthis has 4"), 1),
        refused(MissingRuntimeError("pip install torch"), 2),
        Reply(number=3, kind="error", value=RemoteError(kind="KeyboardInterrupt", text="x")),
        result("pi", 4),
    )
    client = client_of(process)

    with pytest.raises(InputError, match=r"^ssh:pi: threads are 8, this has 4$"):
        client.call("slug")
    with pytest.raises(MissingRuntimeError, match=r"^ssh:pi \(py/python\): pip install torch$"):
        client.call("slug")
    with pytest.raises(OfabenchError, match=r"^ssh:pi: x$"):
        client.call("slug")
    assert client.call("slug") == "pi"
    assert not process.is_closed


def test_log_lines_of_the_worker_are_logged_here(caplog: pytest.LogCaptureFixture) -> None:
    line = LogLine(level=logging.WARNING, text="the phone is hot")
    with caplog.at_level(logging.INFO):
        client_of(Scripted(HELLO, line, result("pi"))).call("slug")

    assert caplog.messages == ["ssh:pi: the phone is hot"]


def test_replies_to_earlier_requests_are_passed_over() -> None:
    assert client_of(Scripted(HELLO, result("old", 0), result("pi"))).call("slug") == "pi"


def test_a_waiting_client_shows_that_it_is_there() -> None:
    process = Scripted(HELLO, *[None] * 25, Pong(), *[None] * 59, result("pi"))

    assert client_of(process).call("slug") == "pi"
    assert [type(message).__name__ for message in process.received] == ["Request", *["Ping"] * 8]


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ([], "nothing came from the worker for 60 s"),
        ([Pong(), *[None] * 59] * 11, "slug did not answer within 600 s"),
        ([b"OFAB" * 4], "a frame that cannot be read"),
        ([result(5)], "the result of slug: 5, expected a string"),
        ([b""], r"the worker ended \(by signal 9, as Linux does when memory is short\): Killed"),
    ],
)
def test_a_worker_that_does_not_answer_is_lost(
    says: list[Message | bytes | None], message: str
) -> None:
    process = Scripted(HELLO, *says, status=137, err=b"Killed\n")
    client = client_of(process)

    with pytest.raises(DeviceLostError, match=message):
        client.call("slug")
    with pytest.raises(DeviceLostError):
        client.call("slug")


def test_a_request_that_is_too_large_is_an_error_of_the_input() -> None:
    with pytest.raises(InputError, match="put is too large to be sent"):
        client_of(Scripted(HELLO)).call("put", digest="0" * (9 << 20))


def test_a_stream_that_is_left_is_stopped_at_once(odd: WorkerClient) -> None:
    for times in (1, 2):
        rounds = odd_rounds(odd)
        next(rounds)
        rounds.close()  # type: ignore[attr-defined]

        assert odd.call("slug") == f"stopped-{times}"


def test_a_stream_whose_worker_does_not_stop_ends_the_worker() -> None:
    item = Reply(number=1, kind="item", value=ROUND)
    late = [item, *[None] * 9, item, *[None] * 10]
    for says in (late, [item, *[None] * 5], [item, b""]):
        process = Scripted(HELLO, *says)
        rounds = odd_rounds(client_of(process))
        next(rounds)
        rounds.close()  # type: ignore[attr-defined]

        assert process.is_closed
        assert isinstance(process.received[1], Stop)


def test_a_stream_that_does_not_begin_is_lost() -> None:
    process = Scripted(HELLO, *[Pong(), *[None] * 9] * 9)
    with pytest.raises(DeviceLostError, match="run_replicate did not answer within 60 s"):
        next(odd_rounds(client_of(process)))

    assert process.is_closed


def test_any_exception_of_a_runtime_is_one_line(odd: WorkerClient) -> None:
    with pytest.raises(DeviceError, match=r"^ssh:odd: facts failed \(RuntimeError: a runtime fail"):
        odd.call("facts")
    with pytest.raises(DeviceError, match=r"^ssh:odd: lock failed \(FileNotFoundError: .* no such"):
        odd.call("lock")
    with pytest.raises(DeviceError, match=r"^ssh:odd: options gave no result: object has no form"):
        odd.call("options")
    with pytest.raises(DeviceError, match=r"the worker has no call 'nonsense'"):
        odd.call("nonsense")
    with pytest.raises(DeviceError, match=r"slug has the arguments \['a'\]"):
        odd.call("slug", a=1)


def test_what_libraries_print_does_not_reach_the_frames(odd: WorkerClient) -> None:
    assert odd.call("lock_name") == "name"
    assert odd.call("slug") == "stopped-0"


def test_a_worker_that_ends_is_named_with_its_status(odd: WorkerClient) -> None:
    with pytest.raises(DeviceLostError, match=r"^ssh:odd: the worker ended \(exit status 3\)"):
        odd.call("check_quiet")


def test_a_client_that_goes_ends_the_worker_and_its_processes() -> None:
    process = LocalProcess([sys.executable, "-m", "tests.support.odd_worker"])
    client = WorkerClient(process, "python", "ssh:odd")
    child = int(client.call("choose_cores", threads=1, requested=None))
    rounds = odd_rounds(client)
    next(rounds)
    client.close()

    assert process.status == 0
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"


@pytest.mark.slow
def test_a_call_that_hangs_beyond_the_reach_of_signals_ends_with_its_client() -> None:
    process = LocalProcess([sys.executable, "-m", "tests.support.odd_worker"])
    client = WorkerClient(process, "python", "ssh:odd")
    with pytest.raises(DeviceLostError, match="unlock did not answer within 0 s"):
        client.call("unlock", timeout_s=0.1)

    assert process.status == 1


@pytest.mark.slow
def test_a_client_that_is_silent_ends_the_worker() -> None:
    """A network that is gone closes no stream; here nothing is sent for 0.2 s."""
    process = LocalProcess([sys.executable, "-m", "tests.support.odd_worker", "0.2"])
    client = WorkerClient(process, "python", "ssh:odd")
    rounds = odd_rounds(client)
    next(rounds)

    process.popen.wait(30)
    assert process.status == 0
