"""One measurement at a time on a device: who waits, who is refused, and what ends a lock."""

import os
import re
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bench.backends.registry import get_backend
from bench.blocks.spec import BlockSpec
from bench.devices import device_lock
from bench.devices.android.device import AdbDevice
from bench.devices.android.facts.identity import identity_script, parse_identity
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.cpu.local import LocalDevice
from bench.devices.device_lock import lock_folders, measuring, this_process
from bench.devices.fake import FakeDevice
from bench.devices.remote.connection import CommandResult
from bench.devices.remote.facts.shell_queries import MARK
from bench.errors import DeviceInUseError, FileError, InterruptedSweepError
from bench.protocol.device import Workload
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.selfcheck import self_check
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from ofabench.cli import main as cli
from ofabench.cli.commands.sweep import SweepCommand, resume_command
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import FleetMember
from ofabench.workflows.fleet.sweep import member_request
from ofabench.workflows.quickstart.tasks import QuickstartTasks
from supernet.verification.verify import MeasuringSetup, measure_file
from tests.pocket_phone.phone import DaemonOptions, PocketPhone
from tests.support.device_lock_holder import HOLDER, held_elsewhere
from tests.support.fake_gpu import fake_gpu


@dataclass(frozen=True)
class Named:
    """A device whose lock has this name."""

    name: str

    @property
    def address(self) -> str:
        return f"adb:{self.name}"

    def lock_name(self) -> str:
        return self.name


def test_another_process_is_named_in_one_line() -> None:
    with (
        held_elsewhere("one") as holder,
        pytest.raises(DeviceInUseError) as refused,
        measuring(Named("one")),
    ):
        pass

    message = str(refused.value)
    assert message.startswith(
        f"adb:one is being measured by process {holder.pid} (`-c one`, since 20"
    )
    assert message.endswith("let it end, or wait for it by --wait")
    assert "\n" not in message


def test_the_kernel_releases_the_lock_of_a_process_that_is_killed() -> None:
    with held_elsewhere("killed") as holder:
        holder.kill()
        holder.wait()

        with measuring(Named("killed")):
            pass


def test_a_second_process_waits_and_says_for_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    result: list[str] = []
    monkeypatch.setattr(device_lock, "POLL_S", 0.05)
    with held_elsewhere("waited") as holder:

        def hear(words: str) -> None:
            result.append(words)
            assert holder.stdin is not None
            holder.stdin.close()

        with measuring(Named("waited"), wait=True, notify=hear):
            assert holder.wait(10) == 0

    assert len(result) == 1
    assert re.fullmatch(
        rf"waiting for process {holder.pid} \(`-c waited`, since .*\) to end measuring on "
        r"adb:waited",
        result[0],
    )


def test_two_devices_do_not_block_one_another() -> None:
    with held_elsewhere("this"), measuring(Named("that")), measuring(Named("third")):
        pass


def test_within_its_process_it_is_taken_once_and_held_to_the_outermost_end() -> None:
    with measuring(Named("nested")):
        with measuring(Named("nested")):
            pass
        assert _is_refused_elsewhere("nested")
    assert not _is_refused_elsewhere("nested")


def test_it_ends_with_its_block_whatever_ends_that() -> None:
    with pytest.raises(ValueError, match="broken"), measuring(Named("broken")):
        raise ValueError("broken")
    with measuring(Named("broken")):
        pass


def test_threads_of_one_process_exclude_one_another() -> None:
    result: list[str] = []

    def other() -> None:
        try:
            with measuring(Named("threads")):
                result.append("taken")
        except DeviceInUseError as error:
            result.append(str(error))

    with measuring(Named("threads")):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    assert f"process {os.getpid()} (" in result[0]


FORKS = HOLDER.replace(
    "    print",
    """\
    import os, time
    ready, done = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(1)
        os.write(done, b"1")
        time.sleep(60)
        os._exit(0)
    os.read(ready, 1)  # what runs in a child after the fork has run
    print""",
)


def test_a_forked_child_does_not_keep_it() -> None:
    script = FORKS + "import signal\nprint(child, flush=True)\nos.kill(os.getpid(), 9)\n"
    with held_elsewhere("forked", script) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.close()
        child = int(holder.stdout.readline())
        holder.wait(10)
        try:
            with measuring(Named("forked")):
                pass
        finally:
            os.kill(child, 9)


def test_a_holder_that_wrote_nothing_readable_is_another_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device_lock, "WRITTEN_S", 0.05)
    for content in (b"", b"{", b"[]", b'{"pid": 1}', b"\xff"):
        with held_elsewhere("odd"):
            (lock_folders()[0] / "odd.lock").write_bytes(content)
            with pytest.raises(DeviceInUseError, match="by another process; "):  # noqa: SIM117
                with measuring(Named("odd")):
                    pass


@pytest.fixture
def closed_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder that cannot be made, as in a home that is read-only."""
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(file / "state"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return file


@pytest.mark.usefixtures("closed_home")
def test_where_home_is_read_only_the_systems_temporary_folder_is_used(tmp_path: Path) -> None:
    with measuring(Named("temporary")):
        place = tmp_path / f"ofabench-{os.getuid()}" / "locks" / "temporary.lock"
        assert place.exists()
        assert place.parent.stat().st_mode & 0o077 == 0


def test_where_no_folder_can_be_written_one_line_says_so(
    closed_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(closed_home))

    with (
        pytest.raises(FileError, match=r"no lock file can be created.*XDG_STATE_HOME") as refused,
        measuring(Named("nowhere")),
    ):
        pass
    assert "\n" not in str(refused.value)


def test_a_folder_of_another_users_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = os.getuid()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: user + 1)

    with pytest.raises(FileError, match="is another user's"), measuring(Named("foreign")):
        pass


def test_the_command_is_that_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("/usr/bin/ofabench", "/x/ofabench/__main__.py"):
        monkeypatch.setattr("sys.argv", [program, "sweep", "--out", "a b"])
        assert this_process().command == "ofabench sweep --out 'a b'"
    monkeypatch.setattr("sys.argv", ["study.py", *["x" * 100] * 3])
    assert len(this_process().command) == 160


def test_a_computed_device_needs_none_and_a_card_has_its_own_number() -> None:
    assert FakeDevice().lock_name() is None
    assert re.fullmatch(r"cpu-[a-z0-9-]+", LocalDevice().lock_name())
    uuid = fake_gpu().facts()["gpu_uuid"]
    assert isinstance(uuid, str)
    assert fake_gpu().lock_name() == f"cuda-{uuid.lower()}"


def test_a_phone_is_one_under_all_its_addresses_and_after_a_reboot(tmp_path: Path) -> None:
    options = DaemonOptions(secure=False)
    with (
        PocketPhone(tmp_path / "a", "note8", options) as phone,
        PocketPhone(tmp_path / "b", "note8", options) as other,
        ExitStack() as open_devices,
    ):

        def name(address: str) -> str:
            device = AdbDevice(address, PhoneOptions(keys=tmp_path / "key"), notify=lambda _: None)
            return open_devices.enter_context(closing(device)).lock_name()

        first = name(phone.address)
        assert re.fullmatch(r"phone-[0-9a-f]{16}", first)
        assert name(f"adb:localhost:{phone.port}") == first
        phone.reboot()
        assert name(phone.address) == first
        assert name(other.address) != first


def identity(**answers: str) -> str | None:
    text = "".join(f"\n{MARK} {name}\n{value}\n" for name, value in answers.items())
    return parse_identity(CommandResult(0, text.encode(), b""))


def test_a_serial_that_many_phones_have_names_none() -> None:
    own = identity(serial="R58M123ABC", boot_id="b1")

    assert own == identity(serial="R58M123ABC", boot_id="b2")
    assert own == identity(boot_serial="R58M123ABC", boot_id="b2")
    for shared in ("unknown", "0123456789ABCDEF", "EMULATOR34X1X10X0", "000000000", "a1"):
        assert identity(serial=shared, boot_id="b1") == identity(boot_id="b1")
        assert identity(serial=shared, boot_id="b1") != identity(serial=shared, boot_id="b2")
    assert identity(serial="unknown") is None
    assert "ro.serialno" in identity_script()


BLOCK = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
WORK = [Workload(role="block", blocks=(BLOCK,))]
PLAN = SweepPlan(replicates=1, rounds=2, samples=2)
BACKEND = get_backend("fake")
TARGET = Target(device="fake", backend="fake", backend_version=BACKEND.version())


@dataclass(frozen=True, kw_only=True)
class LockedDevice(FakeDevice):
    """A computed device that has a lock."""

    def lock_name(self) -> str:
        return "locked"


def test_every_way_to_measure_takes_it(tmp_path: Path) -> None:
    device = LockedDevice()
    bench = MeasuringSetup(device=device, backend=BACKEND, target=TARGET, plan=PLAN, forced=True)
    (tmp_path / "check").mkdir()
    with held_elsewhere("locked"):
        with (
            SweepStore.create(tmp_path / "s.sqlite", TARGET, PLAN) as store,
            pytest.raises(DeviceInUseError),
        ):
            run_sweep(device, BACKEND, TARGET, ListPlanner(WORK), PLAN, store, forced=True)
        with pytest.raises(DeviceInUseError):
            measure_file(b"", (BLOCK,), bench)
        # Refused before it asks whether others keep the device busy: the holder does.
        with pytest.raises(DeviceInUseError):
            measure_file(
                b"", (BLOCK,), replace(bench, device=LockedDevice(busy_with="it"), forced=False)
            )
        with pytest.raises(DeviceInUseError):
            self_check(device, BACKEND, TARGET, [BLOCK], tmp_path / "check", PLAN)

    assert list((tmp_path / "check").iterdir()) == []


CPU = ("sweep", "--space", "tiny", "--device", "cpu", "--backend", "torch", "--blocks", "1")
SHORT = ("--loads", "1", "--passes", "1", "--calls", "1", "--force")


def test_a_command_is_refused_in_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.sqlite"
    with held_elsewhere(LocalDevice().lock_name()) as holder:
        assert cli.main([*CPU, *SHORT, "--out", str(out)]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"ofabench: cpu is being measured by process {holder.pid} (`")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", ["lines", "json"])
def test_a_command_waits_and_then_measures(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    out = tmp_path / "s.sqlite"
    waiting = device_lock.measuring
    with held_elsewhere(LocalDevice().lock_name()) as holder:

        def measuring(
            device: device_lock.Lockable, *, wait: bool, notify: Callable[[str], None]
        ) -> AbstractContextManager[None]:
            def notify_and_release(words: str) -> None:
                notify(words)
                assert holder.stdin is not None
                holder.stdin.close()

            return waiting(device, wait=wait, notify=notify_and_release)

        monkeypatch.setattr(device_lock, "measuring", measuring)
        monkeypatch.setattr(device_lock, "POLL_S", 0.05)
        code = cli.main([*CPU, *SHORT, "--wait", "--progress", form, "--out", str(out)])

    assert code == 0
    assert out.exists()
    output = [line for line in capsys.readouterr().err.splitlines() if "waiting for" in line]
    assert len(output) >= 1
    assert f"waiting for process {holder.pid} (" in output[0]
    assert output[0].startswith("{" if form == "json" else "ofabench: ")


def test_children_wait_where_their_parent_was_told_to(tmp_path: Path) -> None:
    phone = FleetMember(name="a", device=DeviceOptions(device="adb:X"))
    for wait in (True, False):
        command = SweepCommand(
            space="tiny", device=DeviceOptions(wait=wait), fleet=Path("f.toml"), out=tmp_path
        )
        steps = QuickstartTasks(folder=tmp_path, wait=wait).measuring()

        assert member_request(phone, command).device.wait == wait
        assert ("--wait" in resume_command(command)) == wait
        assert [step.options["wait"] for step in steps if step.command == "sweep"] == [wait] * 2


def test_ctrl_c_ends_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(words: str) -> None:
        raise KeyboardInterrupt

    with (
        held_elsewhere("interrupted"),
        pytest.raises((KeyboardInterrupt, InterruptedSweepError)),
        measuring(Named("interrupted"), wait=True, notify=interrupt),
    ):
        pass


def _is_refused_elsewhere(name: str) -> bool:
    """Whether another process is refused the lock now."""
    try:
        with held_elsewhere(name):
            return False
    except AssertionError:
        return True
