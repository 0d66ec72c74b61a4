"""Two hundred faults of a phone, one sweep: nothing is lost, nothing is there twice, no hang."""

import os
import socket
from pathlib import Path

import pytest

from bench.devices.remote.runner.bundle import ensure_bundle
from bench.errors import MissingRuntimeError, OfabenchError
from tests.phone_target.phone import RealPhone
from tests.pocket_phone.phone import PocketPhone
from tests.support.phone_faults import answer, survive_on_phone
from tests.support.sweep_faults import Clock

COUNT = int(os.environ.get("OFABENCH_PHONE_FAULTS", "25"))  # `make nightly` makes 200
# A load takes ten seconds on the emulated phone, in place of a tenth of one.
REAL_COUNT = int(os.environ.get("OFABENCH_REAL_PHONE_FAULTS", "2"))


@pytest.fixture
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(taken.getsockname()[1]))
    monkeypatch.setattr("bench.devices.remote.replicates.disturbance_monitor.datetime", Clock)
    monkeypatch.setattr(Clock, "ahead_s", 0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("_no_server")
def test_a_sweep_survives_every_fault_on_the_pocket_phone(tmp_path: Path) -> None:
    try:
        ensure_bundle("x86_64")
    except MissingRuntimeError as error:
        pytest.skip(f"no runner here: {error}")
    with PocketPhone(tmp_path / "phone", "pixel2") as phone:
        phone.answer_dialog(True)

        result = survive_on_phone(
            phone, tmp_path / "key", tmp_path / "s.sqlite", count=COUNT, seed=1
        )

        assert phone.violations == []
    print(result)
    assert sum(result.made.values()) == COUNT
    assert len(result.made) == min(COUNT, 10)


@pytest.mark.slow
@pytest.mark.usefixtures("_no_server")
@pytest.mark.parametrize("real_phone", ["pixel2"], indirect=True)
def test_a_sweep_survives_faults_on_androids_own_daemon(
    real_phone: RealPhone, tmp_path: Path
) -> None:
    try:
        ensure_bundle("arm64-v8a")
    except OfabenchError as error:
        pytest.skip(f"no bundle for arm64 here: {error}")
    answer(real_phone, allow=True)

    result = survive_on_phone(
        real_phone, tmp_path / "key", tmp_path / "s.sqlite", count=REAL_COUNT, seed=3
    )

    print(result)
    assert sum(result.made.values()) == REAL_COUNT
