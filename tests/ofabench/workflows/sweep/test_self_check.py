"""A device's check from Python, in this process and in a worker."""

import json
from pathlib import Path

import pytest

from bench.errors import FileError, InputError
from ofabench.launcher import launch
from ofabench.options.device import DeviceOptions
from ofabench.options.selfcheck import SelfCheckOptions, SelfCheckRequest
from ofabench.workflows.sweep.self_check import check_device

FAKE = DeviceOptions(device="fake")
SMALL = SelfCheckOptions(blocks=6, replicates=2, rounds=2)


@pytest.mark.slow
def test_the_result_equals_the_written_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = SelfCheckRequest(
        device=FAKE, check_options=SMALL, space="tiny", out=tmp_path / "check"
    )

    checked = check_device(request)

    assert checked.passed
    assert checked.folder == tmp_path / "check"
    assert checked.to_dict() == json.loads((checked.folder / "selfcheck.json").read_text())
    assert len(checked.check.outputs) == 5
    assert capsys.readouterr() == ("", "")
    with pytest.raises(FileError, match="check exists; name a folder that does not"):
        check_device(request)


@pytest.mark.slow
def test_a_worker_gives_the_same_values(tmp_path: Path) -> None:
    request = SelfCheckRequest(device=FAKE, check_options=SMALL, space="tiny", out=tmp_path / "c")

    result = launch(check_device, request)

    assert result == json.loads((tmp_path / "c" / "selfcheck.json").read_text())


def test_only_a_gpu_is_checked_in_full_unless_quick(tmp_path: Path) -> None:
    def of_gpu(device: str | None, *, quick: bool = False) -> bool:
        options, check = DeviceOptions(device=device), SelfCheckOptions(quick=quick)
        return SelfCheckRequest(device=options, check_options=check, out=tmp_path).of_gpu

    assert of_gpu("cuda:1")
    assert not of_gpu("cuda:1", quick=True)
    assert not of_gpu("cpu")
    assert not of_gpu(None)


def test_without_a_device_the_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give --device, for instance cpu"):
        check_device(SelfCheckRequest(out=tmp_path / "check"))

    assert list(tmp_path.iterdir()) == []
