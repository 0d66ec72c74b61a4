"""Missing extras: one line that names what to install, wherever a package of one is needed."""

import sys
from pathlib import Path

import pytest

from bench.devices.android.adb.keys import make_key
from bench.devices.android.adb.pipes import TcpPipe
from bench.devices.cuda import discovery, nvml
from bench.errors import MissingRuntimeError
from bench.extras import check_extra, missing_extra

PHONE = r"phones need the package adb-shell, .*: pip install 'ofabench\[phone\]'"
GPU = r"GPUs need the package nvidia-ml-py, .*: pip install 'ofabench\[gpu\]'"


def test_the_error_says_what_needs_which_package_and_how_to_install_it() -> None:
    assert str(missing_extra("kornia", "jitter needs")) == (
        "jitter needs the package kornia, which is not installed: pip install 'ofabench[augment]'"
    )


def test_a_package_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    check_extra("plotly", "pages need")
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(MissingRuntimeError, match=r"pages need the package plotly, .*\[report\]"):
        check_extra("plotly", "pages need")


def test_a_phone_by_network_needs_the_extra_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adb_shell.transport.tcp_transport", None)
    with pytest.raises(MissingRuntimeError, match=PHONE):
        TcpPipe("127.0.0.1", 1, 0.1)


def test_keys_of_phones_need_the_extra_phone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingRuntimeError, match=PHONE):
        make_key(tmp_path / "adbkey")
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_needs_the_extra_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its address is listed with the reason; without NVIDIA's driver nothing is."""
    for card in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / card).mkdir()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(MissingRuntimeError, match=GPU):
        nvml.library()

    monkeypatch.setattr(discovery, "CARDS", tmp_path)
    listed = discovery.discover_gpus()
    assert [gpu.address for gpu in listed] == ["cuda:0", "cuda:1"]
    assert {gpu.state for gpu in listed} == {str(missing_extra("pynvml", "GPUs need"))}
    monkeypatch.setattr(discovery, "CARDS", tmp_path / "none")
    assert discovery.discover_gpus() == []
