"""A machine over SSH, measured by the ofabench of a Python there: what is cut is continued."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.backends.fake import FakeBackend
from bench.backends.registry import get_backend
from bench.blocks.spec import BlockSpec
from bench.devices.cuda.options import CudaOptions
from bench.devices.registry import get_device
from bench.devices.ssh.device import SshDevice
from bench.devices.ssh.opening import open_ssh
from bench.devices.ssh.options import SshOptions
from bench.devices.worker.device import WorkerDevice
from bench.errors import DeviceError, InputError, InterruptedSweepError, OfabenchError
from bench.protocol.device import Device, Workload
from bench.protocol.progress import NoProgress
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from tests.support.ssh_server import NoServerError, SshServer
from tests.support.worker_process import python_script

BLOCKS = [
    BlockSpec(kind="stem", in_size=8, in_channels=3, out_channels=8 * width, kernel=3)
    for width in (1, 2, 3, 4)
]
WORK = [Workload(role="block", blocks=(block,)) for block in BLOCKS]
TARGET = Target(device="fake", backend="fake", backend_version="1")
PLAN = SweepPlan(replicates=4, rounds=4, samples=2)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    try:
        with SshServer(tmp_path / "server") as server:
            yield server
    except NoServerError as why:
        pytest.skip(f"no machine over SSH: {why}")


@pytest.fixture
def board(server: SshServer) -> Iterator[WorkerDevice]:
    """A simulated machine, measured by a worker over SSH."""
    options = SshOptions(
        remote_python=python_script(server.folder / "python"),
        remote_device="fake",
        ssh_config=server.config,
    )
    with closing(open_ssh(str(server.address), options, CudaOptions())) as device:
        assert isinstance(device, WorkerDevice)
        yield device


class Faults(NoProgress):
    """A progress that does something to the machine after some rounds."""

    def __init__(self, **faults: int) -> None:
        self.server: SshServer | None = None
        self.rounds = 0
        self._faults = {after: name for name, after in faults.items()}

    def advance(self, steps: int = 1, note: str = "") -> None:
        if steps < 0:  # a replicate begins again
            return
        self.rounds += steps
        match self._faults.pop(self.rounds, None):
            case "kill":
                worker_of(self.server).kill()
            case "cut":
                assert self.server is not None
                self.server.cut()
            case "interrupt":
                raise KeyboardInterrupt


def worker_of(server: SshServer | None) -> psutil.Process:
    assert server is not None
    processes = [psutil.Process(pid) for pid in server.programs()]
    return next(each for each in processes if "bench.worker" in each.cmdline()[-1:])


def sweep(path: Path, device: Device, faults: Faults) -> list[tuple[int, int, object]]:
    """The samples of a sweep, which is resumed after Ctrl-C."""
    while True:
        is_resumed = path.exists()
        with (SweepStore.resume if is_resumed else SweepStore.create)(path, TARGET, PLAN) as store:
            try:
                run_sweep(device, FakeBackend(), TARGET, ListPlanner(WORK), PLAN, store, faults)
            except InterruptedSweepError:
                continue
            return sorted(
                (each.group, each.number, each.samples_ns.tolist()) for each in store.replicates()
            )


@pytest.mark.slow
def test_a_sweep_is_complete_whatever_ends_in_between(
    board: WorkerDevice, server: SshServer, tmp_path: Path
) -> None:
    here = sweep(tmp_path / "here.sqlite", get_device("fake"), Faults())
    faults = Faults(kill=2, cut=6, interrupt=10)
    faults.server = server

    there = sweep(tmp_path / "there.sqlite", board, faults)

    assert there == here
    assert [number for _, number, _ in there] == [*range(PLAN.replicates)]
    programs = [psutil.Process(pid) for pid in server.programs()]
    board.close()
    assert psutil.wait_procs(programs, timeout=10)[1] == []


def test_the_backends_of_that_python_are_listed(server: SshServer) -> None:
    options = SshOptions(
        remote_python=python_script(server.folder / "python"), ssh_config=server.config
    )
    with closing(open_ssh(str(server.address), options, CudaOptions())) as board:
        here = get_device("cpu")
        for name in ("torch", "onnx", "tflite"):
            backend = get_backend(name)
            assert board.runtime_version(backend) == here.runtime_version(backend)
        assert board.slug() == here.slug()
        assert board.address == str(server.address)


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("/nowhere/python", "there is no Python at /nowhere/python"),
        ("/dev/null", "/dev/null cannot be run there: .*Permission denied"),
        ("/bin/true", r"the worker of /bin/true did not start \(exit status 0\): it printed noth"),
    ],
)
def test_a_wrong_python_is_one_line(server: SshServer, python: str, message: str) -> None:
    options = SshOptions(remote_python=python, ssh_config=server.config)
    with (
        closing(open_ssh(str(server.address), options, CudaOptions())) as board,
        pytest.raises(OfabenchError, match=message) as raised,
    ):
        board.slug()

    assert "\n" not in str(raised.value)


def test_a_machine_that_is_away_is_one_line(server: SshServer) -> None:
    options = SshOptions(remote_python="python3", ssh_config=server.config)
    server.stop()
    with (
        closing(open_ssh(str(server.address), options, CudaOptions())) as board,
        pytest.raises(DeviceError, match=r"refuses connections"),
    ):
        board.slug()


def test_what_measures_is_chosen_by_the_options() -> None:
    cuda = CudaOptions()

    assert isinstance(open_ssh("ssh:pi", SshOptions(), cuda), SshDevice)
    assert isinstance(open_ssh("ssh:pi", SshOptions(runner="bundle"), cuda), SshDevice)
    for runner in (None, "python"):
        options = SshOptions(runner=runner, remote_python="py")
        assert isinstance(open_ssh("ssh:pi", options, cuda), WorkerDevice)
    with pytest.raises(InputError, match="address is 'ssh:-x'"):
        open_ssh("ssh:-x", SshOptions(remote_python="py"), cuda)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runner": "python"}, "runner python needs --remote-python PATH"),
        (
            {"runner": "bundle", "remote_python": "py"},
            "--remote-python is for --runner python, the runner is bundle",
        ),
        ({"remote_device": "cuda:0"}, "--remote-device cuda:0 needs --remote-python PATH"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        SshOptions(**options)


def test_without_a_python_there_only_tflite_is_measured() -> None:
    with pytest.raises(InputError, match=r"got onnx: give --backend tflite, or --remote-python"):
        SshDevice("ssh:pi").runtime_version(get_backend("onnx"))
