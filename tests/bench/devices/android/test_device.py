"""A phone as a device, over ADB: the pocket phone, with a runner that times nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bench.backends.registry import get_backend
from bench.blocks.spec import BlockSpec
from bench.devices.android.device import AdbDevice
from bench.devices.android.phone import phone as phone_module
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.android.phone.settings_guard import RESTORE
from bench.errors import DeviceError, InputError
from bench.protocol.device import ReplicatePlan, Workload
from bench.protocol.progress import NoProgress
from bench.protocol.target import Target
from bench.sweep.planner import ListPlanner
from bench.sweep.run import run_sweep
from bench.sweep.store import SweepStore
from bench.timing.plan import SweepPlan
from tests.pocket_phone.phone import DaemonOptions, PocketPhone
from tests.support.phone_bundle import fake_bundle
from tests.support.phone_roots import set_battery, setting

BACKEND = get_backend("tflite")
POOLS = [BlockSpec(kind="avg_pool", in_size=n, in_channels=8, out_channels=8) for n in range(4, 10)]
WORK = [Workload(role="block", blocks=(block,)) for block in POOLS]
PLAN = SweepPlan(replicates=2, rounds=4, samples=2)


MODERN = DaemonOptions(secure=False)
# Android 5's: exit statuses come as echoed markers.
OLD = DaemonOptions(secure=False, features=(), version=0x01000000, max_payload=4096)


@pytest.fixture
def phone(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PocketPhone]:
    (tmp_path / "bundle").mkdir()
    bundle = fake_bundle(tmp_path / "bundle")
    monkeypatch.setattr(phone_module, "ensure_bundle", lambda *_, **__: bundle)
    with PocketPhone(tmp_path / "root", options=getattr(request, "param", MODERN)) as made:
        yield made
        assert made.violations == []


@pytest.fixture
def words() -> list[str]:
    """What the device told its user."""
    return []


@pytest.fixture
def device(phone: PocketPhone, words: list[str]) -> Iterator[AdbDevice]:
    options = PhoneOptions(keys=phone.root.parent / "adbkey")
    with closing(AdbDevice(phone.address, options, notify=words.append)) as made:
        yield made


def target(**how: str) -> Target:
    return Target(
        **{"device": "pocket-phone", "backend": "tflite", "backend_version": "1", **how}  # type: ignore[arg-type]
    )


class Interfering(NoProgress):
    """Does something to the phone when so many passes are done."""

    def __init__(self, after: int, do: Callable[[], None]) -> None:
        self._after = after
        self._do = do
        self.notes: list[str] = []

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.notes.append(note)
        self._after -= 1
        if self._after == 0:
            self._do()


def sweep(device: AdbDevice, path: Path, progress: NoProgress) -> SweepStore:
    store = SweepStore.create(path, target(), PLAN)
    run_sweep(device, BACKEND, target(), ListPlanner(WORK), PLAN, store, progress)
    return store


def check_complete(store: SweepStore) -> None:
    """All was measured, nothing twice, in the values that the runner gives."""
    loads = store.replicates()
    assert [(load.group, load.number) for load in loads] == [(1, 0), (1, 1)]
    for load in loads:
        assert len(load.rounds) == PLAN.rounds
        for measured_round in load.rounds:
            assert measured_round.samples_ns[:, 0].tolist() == [1e6 * (n + 1) for n in range(12)]
    assert len(store.measurements()) == len(WORK) + 2


def test_it_connects_on_first_use() -> None:
    device = AdbDevice("adb:127.0.0.1:1", PhoneOptions())

    assert device.address == "adb:127.0.0.1:1"
    assert device.runtime_version(BACKEND).startswith("litert-")
    device.close()


def test_making_one_imports_no_transport_of_others() -> None:
    code = (
        "import sys; from bench.devices.registry import get_device; get_device('adb:R58M'); "
        "print(*[m for m in ('adb_shell', 'torch', 'usb1') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_only_tflite_and_three_precisions_run_there(device: AdbDevice) -> None:
    torch = get_backend("torch")
    images = np.zeros((1, 8, 4, 4), np.float32)

    with pytest.raises(InputError, match="phones run the backend tflite, got torch"):
        device.runtime_version(torch)
    with pytest.raises(InputError, match="got torch"):
        next(device.run_replicate(WORK, torch, target(backend="torch"), ReplicatePlan()))
    with pytest.raises(InputError, match="computes in fp32 or fp16 or int8, got precision 'bf16'"):
        next(device.run_replicate(WORK, BACKEND, target(precision="bf16"), ReplicatePlan()))
    with pytest.raises(InputError, match="got precision 'int4'"):
        device.infer(b"", images, BACKEND, target(precision="int4"))


def test_its_slug_names_the_emulator_and_its_facts_the_phone(device: AdbDevice) -> None:
    assert device.slug() == "pocket-phone"
    assert device.facts()["model"] == "SM-N950F"
    assert device.choose_cores(2, None) == "4,5"
    assert device.options() == ()


def test_a_fixed_frequency_is_part_of_the_target() -> None:
    device = AdbDevice("adb:R58M", PhoneOptions(frequency_khz=1_469_000))

    assert device.options() == (("clocks", "1469000kHz"),)


def test_a_phone_that_is_not_fit_is_refused(
    phone: PocketPhone, device: AdbDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.devices.android.phone.phone.quiet_script", lambda: "true")
    device.check_quiet()
    set_battery(phone.root, level=7)

    with pytest.raises(DeviceError, match=r"its battery is at 7 %.*--force"):
        device.check_quiet()


both_daemons = pytest.mark.parametrize("phone", [MODERN, OLD], indirect=True, ids=["v2", "old"])


@pytest.mark.slow
@both_daemons
def test_a_sweep_is_measured(device: AdbDevice, tmp_path: Path) -> None:
    with sweep(device, tmp_path / "s.sqlite", NoProgress()) as store:
        check_complete(store)
        facts = store.sessions()[0].facts

    assert facts["model"] == "SM-N950F"
    assert facts["emulated"] == "pocket-phone"


FAULTS: dict[str, Callable[[PocketPhone], None]] = {
    "the connection is cut": lambda phone: phone.cut(),
    "the phone reboots": lambda phone: phone.reboot(),
    "a byte is damaged": lambda phone: phone.garble_after(100),
    "output is cut short": lambda phone: phone.cut_after(bytes_out=300),
    "the runner is killed": lambda phone: os.kill(runner(phone), signal.SIGSEGV),
}


def runner(phone: PocketPhone) -> int:
    return int((phone.root / "data/local/tmp/ofabench/runner.pid").read_text().split()[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phone", "fault"),
    [
        *((MODERN, fault) for fault in FAULTS),
        *((OLD, fault) for fault in ("the connection is cut", "the runner is killed")),
    ],
    indirect=["phone"],
)
def test_a_load_that_a_fault_ends_is_taken_again(
    phone: PocketPhone, device: AdbDevice, tmp_path: Path, fault: str
) -> None:
    # Early in the second load: the runner says nothing more that it has not been read of.
    progress = Interfering(PLAN.rounds + 1, lambda: FAULTS[fault](phone))

    with sweep(device, tmp_path / "s.sqlite", progress) as store:
        check_complete(store)

    assert any(note.startswith("repeated: ") for note in progress.notes)
    assert setting(phone.root, "global/stay_on_while_plugged_in") == "0"
    assert not (phone.root / RESTORE.lstrip("/")).exists()


@both_daemons
def test_an_interrupt_puts_everything_back(phone: PocketPhone, device: AdbDevice) -> None:
    left = device.run_replicate(WORK, BACKEND, target(), ReplicatePlan(rounds=5, samples=1))

    def measure() -> None:
        with closing(left):
            next(left)
            assert setting(phone.root, "global/stay_on_while_plugged_in") == "7"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure()

    assert setting(phone.root, "global/stay_on_while_plugged_in") == "0"
    assert not (phone.root / RESTORE.lstrip("/")).exists()
