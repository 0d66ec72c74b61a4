"""A machine over SSH as a device: aarch64 by qemu, folders that cannot be used, other sessions."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.devices.remote.runner.bundle import ensure_bundle
from bench.devices.ssh.device import SshDevice
from bench.devices.ssh.options import SshOptions
from bench.errors import DeviceError, InputError, OfabenchError
from bench.protocol.device import ReplicatePlan, RoundResult, Workload
from bench.protocol.target import Target
from tests.ssh_target.machine import MachineOptions
from tests.support.ssh_server import NoServerError, ServerOptions, SshServer

POOL = BlockSpec(kind="avg_pool", in_size=8, in_channels=8, out_channels=8)
WORK = [Workload(role="block", blocks=(POOL,))] * 2
PLAN = ReplicatePlan(rounds=2, samples=2, seed=1)


@contextmanager
def machine(folder: Path, options: MachineOptions) -> Iterator[SshServer]:
    try:
        with SshServer(folder / "ssh", ServerOptions(machine=options)) as server:
            yield server
    except NoServerError as why:
        pytest.skip(f"no machine over SSH: {why}")


def needs_bundle(abi: str) -> None:
    try:
        ensure_bundle(abi)
    except OfabenchError as error:
        pytest.skip(f"no bundle for {abi} here: {error}")


def device_of(server: SshServer, **options: object) -> SshDevice:
    return SshDevice(
        str(server.address),
        SshOptions(ssh_config=server.config, **options),  # type: ignore[arg-type]
        notify=lambda words: None,
    )


def measured(device: SshDevice) -> list[RoundResult]:
    backend = get_backend("tflite")
    target = Target(
        device=device.slug(),
        backend="tflite",
        backend_version=device.runtime_version(backend),
        cores="",
    )
    return list(device.run_replicate(WORK, backend, target, PLAN))


@pytest.mark.slow
def test_an_aarch64_machine_computes_the_same_and_is_named_after_qemu(tmp_path: Path) -> None:
    needs_bundle("arm64-v8a")
    backend = get_backend("tflite")
    model = random_model((POOL,), seed=1)
    images = np.random.default_rng(2).standard_normal((1, 8, 8, 8)).astype(np.float32)
    with (
        machine(tmp_path, MachineOptions(emulated=True)) as server,
        closing(device_of(server)) as device,
    ):
        here = Target(
            device=device.slug(),
            backend="tflite",
            backend_version=device.runtime_version(backend),
            cores="",
        )
        outputs = device.infer(backend.serialise(model), images, backend, here)
        rounds = measured(device)

        assert device.slug() == "qemu-aarch64"
        assert device.facts()["machine"] == "aarch64"
        assert device.facts()["emulated"] == "qemu-aarch64"
    np.testing.assert_allclose(outputs, backend.load(model, here).infer(images), atol=1e-5)
    assert len(rounds) == PLAN.rounds
    assert all((each.samples_ns > 0).all() for each in rounds)


@pytest.mark.slow
def test_a_file_system_without_execution_is_reported(tmp_path: Path) -> None:
    needs_bundle("x86_64")
    with (
        machine(tmp_path, MachineOptions(noexec=True)) as server,
        closing(device_of(server)) as device,
    ):
        with pytest.raises(DeviceError, match=r"nothing can be executed in .*noexec: name another"):
            measured(device)
        with closing(device_of(server, remote_folder=str(tmp_path / "other"))) as elsewhere:
            assert len(measured(elsewhere)) == PLAN.rounds


@pytest.mark.slow
def test_a_full_disk_is_reported_with_what_is_needed(tmp_path: Path) -> None:
    needs_bundle("x86_64")
    with machine(tmp_path, MachineOptions()) as server, closing(device_of(server)) as device:
        assert server.machine is not None
        server.machine.fill_disk()
        with pytest.raises(DeviceError, match=r"still needs \d{8} bytes in .*make room") as error:
            measured(device)
        assert "0 are free" in str(error.value)
        server.machine.free_disk()

        assert len(measured(device)) == PLAN.rounds


@pytest.mark.slow
def test_another_session_on_the_same_machine_is_named(
    ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_bundle("x86_64")
    monkeypatch.setattr("bench.devices.ssh.board.board.LEFT_WAIT_S", 0)
    backend = get_backend("tflite")
    with closing(device_of(ssh_server)) as first, closing(device_of(ssh_server)) as second:
        target = Target(
            device=first.slug(),
            backend="tflite",
            backend_version=first.runtime_version(backend),
            cores="",
        )
        measuring = first.run_replicate(WORK, backend, target, PLAN)
        next(measuring)
        with pytest.raises(DeviceError, match=r"another ofabench measures .* is process \d+"):
            measured(second)
        measuring.close()

        assert len(measured(second)) == PLAN.rounds


@pytest.mark.slow
def test_only_the_user_can_read_what_is_there(ssh_server: SshServer) -> None:
    needs_bundle("x86_64")
    with closing(device_of(ssh_server)) as device:
        measured(device)

    folder = ssh_server.home / ".cache/ofabench-remote"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} == {"bundle", "models", "job", "runner.pid"}


@pytest.mark.slow
def test_a_model_whose_transfer_broke_continues_in_the_next_replicate(
    ssh_server: SshServer,
) -> None:
    needs_bundle("x86_64")
    with closing(device_of(ssh_server)) as device:
        measured(device)
        (model,) = (ssh_server.home / ".cache/ofabench-remote/models").iterdir()
        part = model.with_name("0123.tflite.part")
        part.write_bytes(b"beginning")
        assert len(measured(device)) == PLAN.rounds

    assert part.read_bytes() == b"beginning"


def test_a_folder_that_cannot_be_made_is_reported(ssh_server: SshServer) -> None:
    with (
        closing(device_of(ssh_server, remote_folder="/proc/ofabench")) as device,
        pytest.raises(DeviceError, match=r"the folder /proc/ofabench cannot be used: .*proc"),
    ):
        measured(device)


def test_another_backend_needs_the_runner_python(ssh_server: SshServer) -> None:
    with pytest.raises(InputError, match=r"give --backend tflite, or --remote-python"):
        device_of(ssh_server).runtime_version(get_backend("fake"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runner": "python"}, "needs --remote-python PATH"),
        ({"remote_python": "python3", "runner": "bundle"}, "for --runner python, the runner is b"),
        ({"remote_folder": "data"}, "expected /PATH or ~/PATH"),
        ({"remote_folder": "/a\nb"}, "expected /PATH or ~/PATH"),
        ({"runner": "mine"}, "expected one of bundle, python, benchmark_model"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SshOptions(**options)  # type: ignore[arg-type]


def test_a_program_of_phones_does_not_run_on_boards() -> None:
    with pytest.raises(InputError, match=r"benchmark_model is for adb:\.\.\."):
        SshDevice("ssh:board", SshOptions(runner="benchmark_model"))
