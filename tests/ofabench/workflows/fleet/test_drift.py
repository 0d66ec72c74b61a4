"""Drift logs of a fleet: sessions of each member, what is missing, and Ctrl-C while it waits."""

import json
import os
import shutil
import signal
import threading
from pathlib import Path

import pytest

from bench.sweep.store import SweepStore
from ofabench.cli import main as cli
from ofabench.options.drift import DriftOptions
from ofabench.options.sweep import SweepOptions
from ofabench.workflows.fleet.drift import drift_fleet
from ofabench.workflows.sweep.sweep import sweep
from tests.support.aged_sweeps import age
from tests.support.fleets import WatchedFleet, fake_fleet

FEW = SweepOptions(blocks=0, networks=3, replicates=2, rounds=2)


@pytest.fixture
def sweeps(tmp_path: Path) -> Path:
    """A folder with a sweep of `a` that ended an hour ago."""
    folder = tmp_path / "sweeps"
    folder.mkdir()
    sweep("tiny", "fake", "fake", out=folder / "a.sqlite", options=FEW)
    age(folder / "a.sqlite", 3600)
    return folder


def sessions(path: Path) -> int:
    with SweepStore.open(path) as store:
        return len(store.drift_sessions())


def test_each_sweep_gets_a_session_and_a_missing_one_is_named(sweeps: Path) -> None:
    result = drift_fleet(sweeps, fake_fleet("fake", "fake"))

    assert (result.code, result.incomplete) == (2, ("b",))
    assert sessions(sweeps / "a.sqlite") == 1
    first, second, last = str(result).splitlines()
    assert first.startswith(f"a                {sweeps / 'a.sqlite'}: 2 sessions, 1 of them new, ")
    assert second == (
        f"b                FAILED: cannot read {sweeps / 'b.sqlite'}: No such file or directory"
    )
    assert last == "incomplete: 1 of 2 (b); the same command continues them"
    values = result.to_dict()["members"]
    assert [len(value["drift"]["sessions"]) if value["drift"] else None for value in values] == [
        2,
        None,
    ]


def test_a_session_on_another_target_is_an_error_of_its_member(sweeps: Path) -> None:
    shutil.copy(sweeps / "a.sqlite", sweeps / "b.sqlite")
    fleet = fake_fleet("fake", "cpu")

    result = drift_fleet(sweeps, fleet)

    assert (result.members[0].code, result.members[1].code) == (0, 2)
    assert "a drift log has one target" in result.members[1].words
    assert sessions(sweeps / "b.sqlite") == 0


def test_ctrl_c_ends_members_that_wait_for_their_next_session(sweeps: Path) -> None:
    shutil.copy(sweeps / "a.sqlite", sweeps / "b.sqlite")
    watched = WatchedFleet()

    def stop_when_both_wait() -> None:
        for _ in range(4):  # each measures, then waits
            assert watched.started.acquire(timeout=60)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop_when_both_wait)
    thread.start()
    result = drift_fleet(
        sweeps, fake_fleet("fake", "fake"), options=DriftOptions(every_s=300), progress=watched
    )
    thread.join()

    assert (result.code, [member.code for member in result.members]) == (130, [130, 130])
    for member in result.members:
        assert member.words == (
            f"stopped after 1 sessions, stored in {member.path}; continue with: the same command"
        )
        assert sessions(Path(str(member.path))) == 1


def test_the_command_prints_every_member_and_refuses_a_device(
    sweeps: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = sweeps.parent / "fleet.toml"
    fleet.write_text('[[device]]\nname = "a"\naddress = "fake"\n')

    assert cli.main(["drift", str(sweeps), "--fleet", str(fleet), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["members"][0]["name"], values["incomplete"]) == ("a", [])

    assert cli.main(["drift", str(sweeps), "--fleet", str(fleet), "--device", "fake"]) == 2
    assert "the fleet file says --device for each device" in capsys.readouterr().err
    assert cli.main(["drift", "absent", "--fleet", str(fleet)]) == 2
    assert "there is no folder absent" in capsys.readouterr().err
