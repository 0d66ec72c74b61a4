"""A sweep from Python: its results, refused inputs, and resuming after an interruption."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backends.fake import FakeBackend
from bench.devices.fake import FakeDevice
from bench.errors import (
    DeviceError,
    FileError,
    InputError,
    InterruptedSweepError,
    OfabenchError,
)
from bench.sweep.store import SweepStore
from ofabench.options.device import DeviceOptions
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.devices import open_device
from ofabench.workflows.sweep.sweep import Sweep, open_sweep, sweep, sweep_request
from supernet.space.space import SearchSpace
from tests.support.plugin_package import DEVICE, install_plugin

ROOT = Path(__file__).resolve().parents[4]
SMALL = SweepOptions(blocks=4, networks=3, replicates=2, rounds=2, burst=2)


def swept(path: Path, options: SweepOptions = SMALL, **more: Any) -> Sweep:
    return sweep("tiny", FakeDevice(), "fake", out=path, options=options, **more)


def test_it_gives_figures_and_tables(tmp_path: Path) -> None:
    done = swept(tmp_path / "s.sqlite")

    assert done.path == tmp_path / "s.sqlite"
    assert done.target.key == "fake/fake-1/fp32/t1/cany/b1/cache=warm"
    assert (done.summary.blocks, done.summary.networks, done.summary.replicates) == (4, 3, 2)
    with SweepStore.open(done.path) as store:
        medians = {
            measurement.workload.key: measurement.median_ms for measurement in store.measurements()
        }
    blocks = done.blocks()
    assert [blocks.lookup(spec) for spec in blocks.specs] == [
        medians[f"block:{spec.key}"] for spec in blocks.specs
    ]
    networks = done.networks()
    assert networks.space == "tiny"
    assert networks.frame[done.target.column].tolist() == pytest.approx(
        [value for key, value in medians.items() if key.startswith("network:")]
    )
    # Two loads of two passes or more, two calls each, of 4 blocks, 3 networks and 2 references.
    assert len(done.samples()) % (2 * 2 * 2) == 0
    assert set(done.samples()["role"]) == {"block", "network", "reference"}


def test_a_sweep_made_earlier_is_the_same(tmp_path: Path) -> None:
    done = swept(tmp_path / "s.sqlite")

    assert open_sweep(str(done.path)).to_dict() == done.to_dict()
    with pytest.raises(FileError, match=r"absent\.sqlite"):
        open_sweep(tmp_path / "absent.sqlite")


def test_it_prints_well_and_is_json(tmp_path: Path) -> None:
    done = swept(tmp_path / "s.sqlite")

    assert repr(done).startswith(
        f"Sweep({done.path}, {done.target.key}, 4 blocks, 3 networks, median half-width "
    )
    head, *lines = str(done).splitlines()
    assert head == f"{done.path}: 4 blocks, 3 networks, {done.target.key}"
    assert [line.split()[0] for line in lines] == ["time", "intervals", "rounds"]
    for line in [head, *lines]:
        assert line[12:] in done._repr_html_()
    data = json.loads(json.dumps(done.to_dict(), allow_nan=False))
    assert data["path"] == str(done.path)
    assert data["target"]["backend"] == "fake"
    assert data["summary"]["blocks"] == 4


@pytest.mark.slow
def test_parts_are_given_by_name_or_as_they_are(tmp_path: Path) -> None:
    space = SearchSpace.load("tiny")
    file = tmp_path / "mine.toml"
    file.write_text(space.text.replace('name = "tiny"', 'name = "mine"'))
    few = replace(SMALL, networks=0)
    with open_device("fake") as device:
        done = [
            sweep(space, device, FakeBackend(), out=tmp_path / "a", options=few),
            sweep("tiny", "fake", "fake", out=str(tmp_path / "b"), options=few),
            sweep("tiny", DeviceOptions(device="fake"), "fake", out=tmp_path / "c", options=few),
            sweep_request(
                SweepRequest(
                    space="tiny",
                    device=DeviceOptions(device="fake"),
                    backend=("fake",),
                    sweep=few,
                    out=tmp_path / "d",
                )
            ),
        ]
    samples = [item.samples() for item in done if isinstance(item, Sweep)]
    assert len(samples) == 4
    first, *others = [each["ns"].to_numpy() for each in samples]
    for other in others:
        np.testing.assert_array_equal(first, other)
    mine = sweep(file, "fake", "fake", out=tmp_path / "e", options=SMALL)
    file.unlink()
    assert mine.networks().space == "mine"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"space": 3}, "space is 3, expected a name, a TOML file or a SearchSpace"),
        ({"space": "huge"}, "unknown space 'huge'"),
        ({"device": "gpu7"}, "device is 'gpu7', expected one of"),
        ({"device": None}, "device is None, expected an address like 'cpu' or an open device"),
        ({"backend": "tvm"}, "backend is 'tvm', expected torch"),
        ({"backend": 3}, "backend is 3, expected a name like 'onnx', or a backend"),
        ({"out": 3}, "out is 3, expected the path of a file to write"),
        ({"options": {"blocks": 3}}, "options are {'blocks': 3}, expected SweepOptions"),
        ({"options": SweepOptions(resolutions=(99,))}, "tiny has no resolution 99"),
        ({"options": SweepOptions(blocks=0)}, "nothing to measure"),
    ],
)
def test_wrong_input_is_refused_and_no_file_is_written(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    good = {
        "space": "tiny",
        "device": "fake",
        "backend": "fake",
        "out": tmp_path / "s.sqlite",
        "options": SMALL,
    }
    with pytest.raises(InputError) as refused:
        sweep(**{**good, **changed})

    assert words in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"blocks": -1}, "blocks is -1, expected a whole number of at least 0"),
        ({"threads": 0}, "threads is 0, expected a whole number of at least 1"),
        ({"precision": "int4"}, "precision is 'int4', expected one of fp32, fp16, bf16"),
        ({"budget_s": "5m", "ends": True, "settle": 1}, "leave --ends, --settle out"),
        ({"budget_s": 0}, "budget_s is 0, expected a time like 90s, 5m or 1h"),
    ],
)
def test_options_are_checked_when_they_are_made(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        SweepOptions(**options)


def test_loads_and_passes_are_fewer_within_a_budget() -> None:
    whole, budget = SweepOptions(), SweepOptions(budget_s=300)

    assert (whole.replicates_or_default, whole.rounds_or_default) == (6, 30)
    assert (budget.replicates_or_default, budget.rounds_or_default) == (3, 10)
    assert SweepOptions(budget_s=60, replicates=9, rounds=8).replicates_or_default == 9


def test_a_device_in_use_is_refused_unless_forced(tmp_path: Path) -> None:
    busy = FakeDevice(busy_with="a compiler")
    with pytest.raises(DeviceError, match="busy: a compiler"):
        sweep("tiny", busy, "fake", out=tmp_path / "s", options=SMALL)
    assert list(tmp_path.iterdir()) == []

    sweep("tiny", busy, "fake", out=tmp_path / "s", options=replace(SMALL, force=True))


class Stopping:
    """A progress that remembers its calls and is a Ctrl-C after some steps."""

    def __init__(self, after: int) -> None:
        self.calls: list[str] = []
        self._left = after

    def start(self, total: int, what: str) -> None:
        self.calls.append(f"{what} {total}")

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._left -= steps
        if self._left == 0:
            raise KeyboardInterrupt

    def close(self) -> None:
        self.calls.append("close")


@pytest.mark.slow
def test_an_interrupted_sweep_resumes_to_the_same_samples(tmp_path: Path) -> None:
    options = replace(SMALL, replicates=4)
    whole = swept(tmp_path / "whole.sqlite", options)
    progress = Stopping(after=5)
    with pytest.raises(InterruptedSweepError) as stopped:
        swept(tmp_path / "part.sqlite", options, progress=progress)

    assert progress.calls == ["measuring 8", "close"]
    assert str(stopped.value) == (
        f"stopped with 2 of 4 replicates done, which {tmp_path / 'part.sqlite'} keeps; "
        "continue with: the same call and SweepOptions(resume=True)"
    )
    part = open_sweep(tmp_path / "part.sqlite")
    assert "2 of 4 replicates" in repr(part)
    assert len(part.blocks()) == 4
    with pytest.raises(FileError, match="exists; continue it with --resume"):
        swept(tmp_path / "part.sqlite", options)
    with pytest.raises(InputError, match="rounds 2 and not 3"):
        swept(tmp_path / "part.sqlite", replace(options, resume=True, rounds=3))

    done = swept(tmp_path / "part.sqlite", replace(options, resume=True))

    assert done.summary.complete
    assert done.samples()["ns"].tolist() == whole.samples()["ns"].tolist()


def test_a_sweep_prints_only_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    swept(tmp_path / "s.sqlite")

    assert capsys.readouterr() == ("", "")


def run_command(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line in another process, with a folder of packages on its path."""
    return subprocess.run(
        [sys.executable, "-m", "ofabench", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{ROOT}", "HOME": str(folder), "PATH": ""},
    )


@pytest.mark.slow
def test_a_package_s_backend_and_device_work_from_the_command_line(tmp_path: Path) -> None:
    install_plugin(tmp_path)
    small = ("--blocks", "3", "--loads", "2", "--passes", "2", "--out", "s.sqlite")

    done = run_command(
        tmp_path, "sweep", "--space", "tiny", "--device", "mine:0", "--backend", "mine", *small
    )
    listed = run_command(tmp_path, "devices", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("s.sqlite: 3 blocks, 0 networks, machine-of-mine/mine-7/fp32/")
    data = {replicate["address"]: replicate for replicate in json.loads(listed.stdout)}
    assert {"cpu", "mine:0", "mine:1"} <= set(data)
    assert data["mine:1"]["slug"] == "machine-of-mine"


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ({"backend": "import absent_package"}, "cannot be loaded (ModuleNotFoundError: "),
        ({"backend": "class Backend: name = 'mine'"}, "lacks file_suffix, version(), "),
        ({"device": DEVICE.replace("return Machine", "return 1 or Machine")}, "lacks address, "),
    ],
)
def test_a_broken_package_is_refused_in_one_line_by_the_command(
    tmp_path: Path, package: dict[str, str], words: str
) -> None:
    install_plugin(tmp_path, **package)

    done = run_command(
        tmp_path, "sweep", "--space", "tiny", "--device", "mine:0", "--backend", "mine",
        "--out", "s.sqlite",
    )  # fmt: skip

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("ofabench: the ")
    assert words in line
    assert not (tmp_path / "s.sqlite").exists()


def test_all_errors_are_of_the_one_tree() -> None:
    for kind in (DeviceError, FileError, InputError, InterruptedSweepError):
        assert issubclass(kind, OfabenchError)
