"""Two hundred faults of a phone, one sweep: nothing is lost, nothing is there twice, no hang."""

import os
import socket
from pathlib import Path

import pytest

from bench.errors import MissingRuntimeError
from bench.phone.bundle import ensure_bundle
from tests.phone_faults import Clock, survive
from tests.pocket_phone.phone import PocketPhone

COUNT = int(os.environ.get("OFABENCH_PHONE_FAULTS", "50"))  # CI makes it 200
REAL_COUNT = COUNT // 5  # a program of the emulated phone takes far longer to start


@pytest.fixture
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(taken.getsockname()[1]))
    monkeypatch.setattr("bench.phone.load.datetime", Clock)
    monkeypatch.setattr(Clock, "ahead_s", 0.0)


@pytest.mark.usefixtures("_no_server")
def test_a_sweep_survives_every_fault_on_the_pocket_phone(tmp_path: Path) -> None:
    try:
        ensure_bundle("x86_64")
    except MissingRuntimeError as error:
        pytest.skip(f"no runner here: {error}")
    with PocketPhone(tmp_path / "phone", "pixel2") as phone:
        phone.answer_dialog(True)

        found = survive(phone, tmp_path / "key", tmp_path / "s.sqlite", count=COUNT, seed=1)

        assert phone.violations == []
    print(found)
    assert sum(found.made.values()) == COUNT
    assert len(found.made) == min(COUNT, 10)
