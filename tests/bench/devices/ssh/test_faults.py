"""Faults of a machine over SSH, one sweep: nothing is lost, nothing is there twice, no hang."""

import os
from pathlib import Path

import psutil
import pytest

from bench.devices.remote.runner.bundle import ensure_bundle
from bench.errors import MissingRuntimeError
from tests.ssh_target.machine import MachineOptions
from tests.support.ssh_faults import survive_over_ssh
from tests.support.ssh_server import NoServerError, ServerOptions, SshServer
from tests.support.sweep_faults import Clock, Survived
from tests.support.worker_process import python_script

COUNT = int(os.environ.get("OFABENCH_SSH_FAULTS", "13"))  # one of each kind


@pytest.mark.slow
def test_a_sweep_survives_every_fault_over_ssh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.devices.remote.replicates.disturbance_monitor.datetime", Clock)
    monkeypatch.setattr(Clock, "ahead_s", 0.0)
    options = ServerOptions(machine=MachineOptions(), proxied=True)
    try:
        ensure_bundle("x86_64")
        with SshServer(tmp_path / "ssh", options) as server:
            result = survive_over_ssh(server, tmp_path / "s.sqlite", count=COUNT, seed=1)
    except (NoServerError, MissingRuntimeError) as why:
        pytest.skip(f"no machine over SSH: {why}")

    check(result)


@pytest.mark.slow
def test_a_sweep_by_a_python_there_survives_every_fault_over_ssh(tmp_path: Path) -> None:
    python = python_script(tmp_path / "python")
    options = ServerOptions(machine=MachineOptions(), proxied=True)
    try:
        with SshServer(tmp_path / "ssh", options) as server:
            result = survive_over_ssh(
                server, tmp_path / "s.sqlite", count=COUNT, seed=1, python=python
            )
            pids = set(server.programs())
            programs = [each for each in psutil.process_iter() if each.pid in pids]
            assert psutil.wait_procs(programs, timeout=10)[1] == []
    except NoServerError as why:
        pytest.skip(f"no machine over SSH: {why}")

    check(result)


def check(result: Survived) -> None:
    print(result)
    assert sum(result.made.values()) == COUNT
    assert len(result.made) == min(COUNT, 13)
