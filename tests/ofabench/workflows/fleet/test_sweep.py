"""Sweeps of a fleet, each in a process: one that fails holds up no other, Ctrl-C reaches each."""

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.devices.android.phone.options import PhoneOptions
from bench.devices.ssh.options import SshOptions
from bench.errors import FileError, InputError
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import Fleet, FleetMember
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.fleet.sweep import member_request, sweep_fleet, sweep_fleet_request
from ofabench.workflows.sweep.sweep import open_sweep
from tests.support.fleets import WatchedFleet, fake_fleet, install_losing_device

PYTHON = SshOptions(runner="python", remote_python="/usr/bin/python3")
SMALL = SweepOptions(blocks=3, replicates=2, rounds=2, burst=2)


def test_one_that_fails_holds_up_no_other(tmp_path: Path) -> None:
    fleet = fake_fleet("fake", "fake")
    foreign = replace(fleet.members[1], backend="onnx")
    watched = WatchedFleet()

    result = sweep_fleet(
        "tiny",
        Fleet(members=(fleet.members[0], foreign)),
        out=tmp_path / "out",
        options=SMALL,
        progress=watched,
    )

    good, bad = result.members
    assert good.result is not None
    assert (good.code, good.result["blocks"], good.words) == (0, 3, "")
    assert open_sweep(str(good.path)).summary.blocks == 3
    assert (bad.code, bad.result) == (2, None)
    assert bad.words == "device fake runs only the backend fake, got onnx"
    assert watched.ends() == {"a": "done", "b": "failed"}
    assert watched.members["a"].steps == 4
    assert (result.code, result.incomplete) == (2, ("b",))
    assert [member["sweep"] for member in result.to_dict()["members"]] == [good.path, bad.path]
    assert str(result).splitlines()[1:] == [
        "b                FAILED: device fake runs only the backend fake, got onnx",
        "incomplete: 1 of 2 (b); the same command continues them",
    ]
    page = result._repr_html_()
    assert page.count("<tr>") == 3
    assert "FAILED: device fake runs only" in page
    assert "incomplete: 1 of 2" in page


@pytest.mark.parametrize("state", ["cut", "cut.kill"])
def test_a_device_that_goes_away_or_a_process_that_dies_is_continued_by_the_same_call(
    tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_losing_device(tmp_path / "plugin", monkeypatch)
    cut = tmp_path / state
    fleet = fake_fleet("fake", f"mine:{cut}")
    out = tmp_path / "out"

    def sweep() -> Any:
        return sweep_fleet("tiny", fleet, out=out, options=replace(SMALL, rounds=3))

    cut.touch()
    before = sweep()
    kept = open_sweep(out / "b.sqlite").summary
    cut.unlink()
    after = sweep()

    assert (before.code, before.incomplete) == (2, ("b",))
    assert ("went away" in before.members[1].words) is (state == "cut")
    assert ("failed (signal 9)" in before.members[1].words) is (state == "cut.kill")
    assert kept.replicates == 1
    assert (after.code, after.incomplete) == (0, ())
    assert open_sweep(out / "b.sqlite").summary.replicates == 2


def test_a_complete_sweep_needs_its_device_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_losing_device(tmp_path / "plugin", monkeypatch)
    fleet = fake_fleet(f"mine:{tmp_path / 'cut'}")
    out = tmp_path / "out"
    sweep_fleet("tiny", fleet, out=out, options=SMALL)
    before = (out / "a.sqlite").read_bytes()
    (tmp_path / "cut.away").touch()

    again = sweep_fleet("tiny", fleet, out=out, options=SMALL)
    larger = sweep_fleet("tiny", fleet, out=out, options=replace(SMALL, blocks=4))

    assert (again.code, again.incomplete) == (0, ())
    assert again.members[0].result is not None
    assert again.members[0].result["blocks"] == 3
    assert larger.members[0].words == f"mine:{tmp_path / 'cut'} is away"
    assert (out / "a.sqlite").read_bytes() == before


def test_ctrl_c_stops_every_member_once_and_all_can_be_resumed(tmp_path: Path) -> None:
    watched = WatchedFleet()
    # The third has to wait for its turn.
    fleet = fake_fleet("fake", "fake", "fake", at_once=2)

    def stop_when_two_measure() -> None:
        for _ in range(2):
            assert watched.started.acquire(timeout=60)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop_when_two_measure)
    thread.start()
    result = sweep_fleet(
        "tiny",
        fleet,
        out=tmp_path,
        options=replace(SMALL, blocks=30, replicates=200),
        progress=watched,
    )
    thread.join()

    assert [member.code for member in result.members] == [130, 130, 130]
    assert result.code == 130
    assert watched.ends() == {"a": "stopped", "b": "stopped", "c": "stopped"}
    assert watched.members["c"].waited_for[-1] == "waiting for a, b"
    assert result.members[2].words == "stopped before its turn"
    for member in result.members[:2]:
        assert member.words.startswith("stopped with ")
        assert member.words.endswith("continue with: the same command")
        assert open_sweep(str(member.path)).summary.replicates < 200


def test_options_of_a_member_override_those_of_the_command_and_existing_sweeps_are_resumed(
    tmp_path: Path,
) -> None:
    member = FleetMember(
        name="note8",
        cores="big",
        precision="fp16",
        device=DeviceOptions(device="adb:X", phone=PhoneOptions(frequency_khz=1000)),
    )
    common = SweepRequest(
        space="tiny",
        device=DeviceOptions(wait=True),
        backend=("onnx",),
        sweep=replace(SMALL, batch=2, threads=4, cores="0"),
        out=tmp_path,
    )

    request = member_request(member, common)

    assert request == SweepRequest(
        space="tiny",
        device=DeviceOptions(device="adb:X", wait=True, phone=PhoneOptions(frequency_khz=1000)),
        backend=("tflite",),
        sweep=replace(SMALL, batch=2, cores="big", threads=4, precision="fp16"),
        out=tmp_path / "note8.sqlite",
    )
    (tmp_path / "note8.sqlite").touch()
    assert member_request(member, common).sweep.resume
    assert SweepRequest.from_dict(request.to_dict()) == request


def test_a_member_without_a_backend_has_that_of_the_command(tmp_path: Path) -> None:
    member = FleetMember(name="here", device=DeviceOptions(device="cpu"))
    common = SweepRequest(space="tiny", backend=("onnx",), out=tmp_path)

    assert member_request(member, common).backend == ("onnx",)
    board = replace(member, device=DeviceOptions(device="ssh:nano"))
    assert member_request(board, common).backend == ("tflite",)
    server = replace(board, device=DeviceOptions(device="ssh:nano", ssh=PYTHON))
    assert member_request(server, common).backend == ("onnx",)
    with pytest.raises(InputError, match="--backend names 2 backends, and a member of a fleet has"):
        member_request(member, replace(common, backend=("onnx", "torch")))
    with pytest.raises(InputError, match=r"^here has no backend: give it a key backend"):
        member_request(member, replace(common, backend=None))


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"device": "cpu"}, "--device"),
        ({"phone": PhoneOptions(frequency_khz=5)}, "--frequency-khz"),
    ],
)
def test_options_of_the_file_are_refused_as_arguments(
    tmp_path: Path, given: dict[str, Any], flag: str
) -> None:
    out = tmp_path / "out"
    command = SweepRequest(space="tiny", out=out, device=DeviceOptions(**given))

    with pytest.raises(InputError, match=f"^the fleet file says {flag} for each device"):
        sweep_fleet_request(command, fake_fleet("fake"))

    assert not out.exists()


def test_a_wrong_space_is_an_error_and_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tinny"):
        sweep_fleet("tinny", fake_fleet("fake"), out=tmp_path / "out", options=SMALL)

    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").touch()

    with pytest.raises(FileError, match=r"^cannot make folder .*out: File exists$"):
        sweep_fleet("tiny", fake_fleet("fake"), out=tmp_path / "out", options=SMALL)
