"""Model files on a fleet: a column for each device, what could not be measured, exit codes."""

import json
from pathlib import Path

import pytest

from bench.backends.fake import FakeBackend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from ofabench.cli import main as cli
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import FleetMember
from ofabench.options.measure import GateOptions, MeasureOptions, MeasureRequest
from ofabench.workflows.fleet.measure import FleetMeasurements, measure_fleet, member_request
from ofabench.workflows.fleet.outcome import MemberOutcome
from tests.support.fleets import fake_fleet

SMALL = BlockSpec(kind="stem", in_size=16, in_channels=3, out_channels=8, kernel=3, act="relu")
QUICK = MeasureOptions(replicates=2, rounds=2)


def here(name: str) -> FleetMember:
    return FleetMember(name=name, device=DeviceOptions(device="fake"))


def measured(
    name: str, *rows: tuple[str, str, float], failures: tuple[str, ...] = ()
) -> MemberOutcome:
    models = [{"file": file, "backend": backend, "measured_ms": ms} for file, backend, ms in rows]
    return MemberOutcome(
        member=here(name),
        result={
            "models": models,
            "failures": dict.fromkeys(failures, "no runtime reads it"),
            "gate": {"failures": ["net.onnx takes 3 ms"] if name == "slow" else []},
        },
    )


def test_models_are_rows_and_devices_are_columns() -> None:
    members = (
        measured("note8", ("net.tflite", "tflite", 3.0), failures=("net.onnx",)),
        measured(
            "slow",
            ("net.onnx", "onnx", 1.5),
            ("net.tflite", "tflite", 2.5),
            ("other.onnx", "onnx", 0.25),
        ),
    )

    result = FleetMeasurements(members)

    assert list(result.wide.columns) == ["note8", "slow (onnx)", "slow (tflite)"]
    assert str(result).splitlines() == [
        "median ms  note8  slow (onnx)  slow (tflite)",
        "net            3          1.5            2.5",
        "other          -         0.25              -",
        "note8            net.onnx NOT MEASURED: no runtime reads it",
        "slow             net.onnx takes 3 ms",
    ]
    page = result._repr_html_()
    assert page.count("<tr>") == 3
    assert "slow (tflite)" in page
    assert "NOT MEASURED" in page


@pytest.mark.slow
def test_files_of_each_device_are_written_and_compared_with_its_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "net.json", tmp_path / "out"
    file.write_bytes(FakeBackend().serialise(random_model((SMALL,))))
    fleet = tmp_path / "fleet.toml"
    fleet.write_text('[[device]]\nname = "a"\naddress = "fake"\nbackend = "fake"\n')
    command = ["measure", str(file), "--fleet", str(fleet), "--replicates", "2", "--rounds", "2"]

    assert cli.main([*command, "--out", str(out), "--wide", str(tmp_path / "wide.csv")]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["median", "ms", "a"]
    stored = json.loads((out / "a.json").read_text())
    ms = stored["models"][0]["measured_ms"]
    assert (tmp_path / "wide.csv").read_text().splitlines() == ["model,a", f"net,{ms}"]

    stored["models"][0]["measured_ms"] = ms / 2
    (out / "a.json").write_text(json.dumps(stored))
    limits = ("--baseline", str(out), "--fail-slower", "20%")
    assert cli.main([*command, *limits, "--json"]) == 1
    values = json.loads(capsys.readouterr().out)["members"][0]
    assert "is slower than earlier by" in values["measurements"]["gate"]["failures"][0]


def test_a_file_that_no_device_measures_is_exit_code_2_and_not_incomplete(tmp_path: Path) -> None:
    request = MeasureRequest(files=(tmp_path / "absent.onnx",), measure=QUICK)

    result = measure_fleet(request, fake_fleet("fake"))

    assert (result.code, result.incomplete) == (2, ())
    assert str(result).startswith("a                absent.onnx NOT MEASURED: ")


def test_options_of_a_member_come_first(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    request = MeasureRequest(
        files=(Path("net.onnx"),),
        backend=("torch",),
        measure=MeasureOptions(threads=2, cores="0"),
        gate=GateOptions(baseline=tmp_path),
        keep=tmp_path,
    )
    member = FleetMember(
        name="a",
        device=DeviceOptions(device="fake"),
        backend="onnx",
        threads=4,
        precision="int8",  # of sweeps; files have theirs
    )

    assert member_request(member, request) == MeasureRequest(
        files=(Path("net.onnx"),),
        device=DeviceOptions(device="fake"),
        backend=("onnx",),
        measure=MeasureOptions(threads=4, cores="0"),
        gate=GateOptions(baseline=tmp_path / "a.json"),
        keep=tmp_path / "a.sqlite",
        resume=True,
    )
