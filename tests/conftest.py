import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.phone_target.build import NoTargetError, ensure_adbd
from tests.phone_target.phone import RealPhone
from tests.support.phone_roots import ModelName
from tests.support.slow_tests import over_limit_without_mark
from tests.support.ssh_server import NoServerError, SshServer

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure() -> None:
    """One OpenMP thread for each process: more only wait for each other on small networks."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_finish() -> None:
    """Spare sweeps, which collect garbage at every replicate, the search of all collected tests."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List tests that should be marked `slow` or made cheaper; the run does not fail by them."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    if lines := over_limit_without_mark(reports):
        terminalreporter.section("slow tests without the mark `slow`")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def _own_device_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let test processes that run side by side measure the same devices: each has its own locks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_adb_server() -> Iterator[None]:
    """Tests say by the port alone which adb server there is."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADB_SERVER_SOCKET", "ANDROID_ADB_SERVER_ADDRESS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def _own_plugins() -> Iterator[None]:
    """What a test registers is known to no other."""
    yield
    for name in ("bench.backends.registry", "bench.devices.registry"):
        if name in sys.modules:
            sys.modules[name].PLUGINS.clear()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public measurements by others, which the project does not contain."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"public measurements are not here: {SHARED_DATA} does not exist")
    return SHARED_DATA


@pytest.fixture(scope="session")
def real_adbd() -> Path:
    """Android's own daemon, built on first use and then kept in the user's cache folder."""
    try:
        return ensure_adbd()
    except NoTargetError as why:
        pytest.skip(f"no real adbd: {why}")


@pytest.fixture(params=["note8", "pixel2"])
def real_phone(
    request: pytest.FixtureRequest, real_adbd: Path, tmp_path: Path
) -> Iterator[RealPhone]:
    """A phone on which Android's own daemon runs; it knows no key yet."""
    model: ModelName = request.param
    phone = RealPhone(tmp_path, model, real_adbd)
    try:
        phone.start()
        yield phone
    except NoTargetError as why:
        pytest.skip(f"no real adbd: {why}")
    finally:
        phone.close()


@pytest.fixture
def ssh_server(tmp_path: Path) -> Iterator[SshServer]:
    """A machine with an SSH server on loopback, which accepts one key, made for the tests."""
    try:
        with SshServer(tmp_path / "ssh") as server:
            yield server
    except NoServerError as why:
        pytest.skip(f"no SSH server: {why}")
