"""Pocket phones that run the real runner, built for this machine."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.devices.remote.runner.bundle import ensure_bundle
from bench.errors import MissingRuntimeError
from tests.pocket_phone.phone import DaemonOptions, PocketPhone


def see_only_pocket_phones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide this machine's adb server; skip the test where no runner can be built."""
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(occupied.getsockname()[1]))
    try:
        ensure_bundle("x86_64")
    except MissingRuntimeError as error:
        pytest.skip(f"no runner here: {error}")


@contextmanager
def pocket_note8(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PocketPhone]:
    """Yield a Note8 whose files are in `folder`, the only phone there is."""
    see_only_pocket_phones(monkeypatch)
    with PocketPhone(folder, "note8", DaemonOptions(secure=False)) as phone:
        yield phone
