"""Fleets of SSH hosts, on loopback: several machines in parallel, one machine under two names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.devices.remote.runner.bundle import ensure_bundle
from bench.errors import MissingRuntimeError
from ofabench.options.fleet import Fleet
from ofabench.options.sweep import SweepOptions
from ofabench.workflows.fleet.sweep import FleetSweep, sweep_fleet
from tests.support.fleets import WatchedFleet
from tests.support.ssh_hosts import ssh_hosts
from tests.support.ssh_server import NoServerError

FEW = SweepOptions(blocks=2, replicates=2, rounds=2, force=True)


@contextmanager
def hosts(folder: Path, names: str, *, one_machine: bool = False) -> Iterator[Fleet]:
    try:
        with ssh_hosts(folder, names, one_machine=one_machine) as fleet:
            ensure_bundle("x86_64")
            yield fleet
    except (NoServerError, MissingRuntimeError) as why:
        pytest.skip(f"no SSH hosts here: {why}")


def swept(fleet: Fleet, folder: Path, watched: WatchedFleet) -> FleetSweep:
    return sweep_fleet("tiny", fleet, out=folder / "out", options=FEW, progress=watched)


@pytest.mark.slow
def test_hosts_are_measured_in_parallel_and_do_not_wait_for_each_other(tmp_path: Path) -> None:
    watched = WatchedFleet()

    with hosts(tmp_path, "abc") as fleet:
        result = swept(fleet, tmp_path, watched)

    assert (str(result.code), result.incomplete) == ("0", ())
    assert [member.result["blocks"] for member in result.members if member.result] == [2, 2, 2]
    assert [member.waited_for for member in watched.members.values()] == [[], [], []]


@pytest.mark.slow
def test_one_machine_under_two_names_is_measured_by_one_member_after_the_other(
    tmp_path: Path,
) -> None:
    watched = WatchedFleet()

    with hosts(tmp_path, "ab", one_machine=True) as fleet:
        result = swept(fleet, tmp_path, watched)

    assert (result.code, result.incomplete) == (0, ())
    (waited,) = [each.waited_for for each in watched.members.values() if each.waited_for]
    assert "is being measured by process" in waited[0]
