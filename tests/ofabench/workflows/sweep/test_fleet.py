"""A fleet's sweeps, each in a worker: one that fails holds up no other, Ctrl-C reaches each."""

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.devices.android.phone.fleet import FleetPhone
from bench.devices.android.phone.options import PhoneOptions
from bench.errors import InputError
from bench.protocol.progress import NoProgress
from ofabench.options.device import DeviceOptions
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.sweep.fleet import Member, MemberWatcher, run_fleet
from ofabench.workflows.sweep.fleet_sweep import FleetSweep, member_of, sweep_fleet
from ofabench.workflows.sweep.sweep import open_sweep

SMALL = SweepOptions(blocks=3, replicates=2, rounds=2, burst=2)


def request(out: Path, sweep: SweepOptions = SMALL, backend: str = "fake") -> SweepRequest:
    device = DeviceOptions(device="fake")
    return SweepRequest(space="tiny", device=device, backend=backend, sweep=sweep, out=out)


class Watched(NoProgress):
    """Remembers what a member shows."""

    def __init__(self, log: "Log") -> None:
        self._log = log
        self.ended = ""
        self.steps = 0

    def start(self, total: int, what: str) -> None:
        self._log.started.release()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.steps += steps

    def say(self, line: str) -> None:
        self._log.notes.append(line)

    def end(self, how: str) -> None:
        self.ended = how


class Log:
    """A fleet's watcher that remembers."""

    def __init__(self) -> None:
        self.members: dict[str, Watched] = {}
        self.started = threading.Semaphore(0)
        self.notes: list[str] = []

    def member(self, name: str) -> MemberWatcher:
        self.members[name] = Watched(self)
        return self.members[name]


def test_one_that_fails_holds_up_no_other(tmp_path: Path) -> None:
    log = Log()
    members = [
        Member(name="good", request=request(tmp_path / "good.sqlite")),
        Member(name="bad", request=request(tmp_path / "bad.sqlite", backend="onnx")),
    ]

    good, bad = run_fleet(members, log)

    assert good.summary is not None
    assert (good.code, good.summary["blocks"], good.words) == (0, 3, "")
    assert open_sweep(good.path).summary.blocks == 3
    assert (bad.code, bad.summary) == (2, None)
    assert bad.words == "device fake runs only the backend fake, got onnx"
    assert {name: item.ended for name, item in log.members.items()} == {
        "good": "done",
        "bad": "failed",
    }
    assert log.members["good"].steps == 4
    assert FleetSweep((good, bad)).code == 2
    assert FleetSweep((good,)).code == 0
    assert [item["name"] for item in FleetSweep((good, bad)).to_dict()["members"]] == [
        "good",
        "bad",
    ]


def test_ctrl_c_stops_every_member_once_and_all_can_be_resumed(tmp_path: Path) -> None:
    long = replace(SMALL, blocks=30, replicates=200)
    members = [
        Member(name=name, request=request(tmp_path / f"{name}.sqlite", long)) for name in "ab"
    ]
    log = Log()

    def stop_when_all_measure() -> None:
        for _ in members:
            assert log.started.acquire(timeout=60)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop_when_all_measure)
    thread.start()
    outcomes = run_fleet(members, log)
    thread.join()

    assert [outcome.code for outcome in outcomes] == [130, 130]
    assert FleetSweep(tuple(outcomes)).code == 130
    assert [member.ended for member in log.members.values()] == ["stopped", "stopped"]
    for outcome in outcomes:
        assert outcome.words.startswith("stopped with ")
        assert outcome.words.endswith("continue with: the same command")
        assert open_sweep(outcome.path).summary.replicates < 200


def test_options_of_a_phone_override_common_ones_and_existing_sweeps_are_resumed(
    tmp_path: Path,
) -> None:
    phone = FleetPhone(
        name="note8",
        address="adb:X",
        cores="big",
        threads=4,
        precision="fp16",
        options=PhoneOptions(frequency_khz=1000),
    )
    common = SweepRequest(
        space="tiny", device=DeviceOptions(wait=True), sweep=replace(SMALL, batch=2), out=tmp_path
    )

    member = member_of(phone, common)

    assert member.name == "note8"
    assert member.request == SweepRequest(
        space="tiny",
        device=DeviceOptions(device="adb:X", wait=True, phone=PhoneOptions(frequency_khz=1000)),
        backend="tflite",
        sweep=replace(SMALL, batch=2, cores="big", threads=4, precision="fp16"),
        out=tmp_path / "note8.sqlite",
    )
    (tmp_path / "note8.sqlite").touch()
    assert member_of(phone, common).request.sweep.resume
    assert SweepRequest.from_dict(member.request.to_dict()) == member.request


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"device": DeviceOptions(device="cpu")}, "--device"),
        ({"backend": "tflite"}, "--backend"),
        ({"sweep": SweepOptions(cores="0")}, "--cores"),
        ({"device": DeviceOptions(phone=PhoneOptions(frequency_khz=5))}, "--frequency-khz"),
    ],
)
def test_options_of_the_file_are_refused_as_arguments(
    tmp_path: Path, given: dict[str, Any], flag: str
) -> None:
    (tmp_path / "fleet.toml").write_text('[[phone]]\nname = "a"\naddress = "adb:X"\n')
    out = tmp_path / "out"
    command = replace(SweepRequest(space="tiny", out=out), **given)

    with pytest.raises(InputError, match=f"^the fleet file says {flag} for each phone"):
        sweep_fleet(tmp_path / "fleet.toml", command)

    assert not out.exists()
