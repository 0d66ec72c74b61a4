"""Devices from Python: listed, opened, closed, and waited for."""

import json
import logging
from dataclasses import dataclass, field

import pytest

from bench.devices import device_lock, registry
from bench.devices.android.device import AdbDevice
from bench.devices.android.phone.options import PhoneOptions
from bench.devices.cuda.options import CudaOptions
from bench.devices.fake import FakeDevice
from bench.errors import DeviceInUseError, InputError
from ofabench.display.progress import JsonProgress
from ofabench.options.device import DeviceOptions
from ofabench.workflows.devices import (
    DeviceInfo,
    device_in,
    device_info,
    device_of,
    devices,
    measuring_alone,
    open_device,
    register_device,
    waits,
)
from tests.support.device_lock_holder import held_elsewhere


@dataclass(frozen=True, kw_only=True)
class Counted(FakeDevice):
    """Counts how often it is closed."""

    closed: list[str] = field(default_factory=list)

    def close(self) -> None:
        self.closed.append(self.address)

    def lock_name(self) -> str:
        return "counted"


CLOSED: list[str] = []


@pytest.fixture(autouse=True)
def _counted() -> None:
    CLOSED.clear()
    register_device("counted", lambda address: Counted(address=address, closed=CLOSED))


def test_this_machine_is_listed_first_and_registered_devices_after_it() -> None:
    def made(address: str) -> FakeDevice:
        return FakeDevice(address=address)

    made.addresses = lambda: ["mine:0"]  # type: ignore[attr-defined]
    register_device("mine", made)

    first, *_, last = devices()

    assert (first.address, first.state) == ("cpu", "ready")
    assert first.backends["onnx"]
    assert last.address == "mine:0"
    assert json.loads(json.dumps(last.to_dict()))["facts"]["cpu_cores"] == 8


def test_one_device_is_described_in_text_and_as_a_table() -> None:
    info = DeviceInfo(
        address="a", slug="b", state="c<d", backends={"x": "1", "y": None}, facts={"f": 2}
    )

    assert repr(info) == "DeviceInfo(a, b, c<d, x 1)"
    assert info._repr_html_() == (
        "<table><tr><th>address</th><td>a</td></tr><tr><th>name</th><td>b</td></tr>"
        "<tr><th>state</th><td>c&lt;d</td></tr><tr><th>x</th><td>1</td></tr>"
        "<tr><th>y</th><td>None</td></tr><tr><th>f</th><td>2</td></tr></table>"
    )
    assert device_info("fake").slug == "fake"


def test_phones_that_cannot_be_listed_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> list[object]:
        raise InputError("no server")

    monkeypatch.setattr("bench.devices.android.adb.discovery.discover_phones", refused)
    with caplog.at_level(logging.WARNING, "ofabench"):
        devices()

    assert caplog.messages == ["phones are not listed: no server"]


def test_an_opened_device_is_closed_at_the_end_whatever_happens() -> None:
    opened = open_device("counted:1")
    assert repr(opened) == "open_device('counted:1')"
    with opened as device:
        assert device.address == opened.address == "counted:1"
        assert CLOSED == []
    assert CLOSED == ["counted:1"]

    with pytest.raises(ZeroDivisionError), open_device("counted:2"):
        raise ZeroDivisionError
    assert CLOSED == ["counted:1", "counted:2"]


def test_only_devices_opened_by_the_function_are_closed() -> None:
    with device_in("counted:1"), device_in(DeviceOptions(device="counted:2")):
        pass
    assert CLOSED == ["counted:2", "counted:1"]

    with open_device("counted:3") as device:
        with device_in(device) as same, device_in(open_device("counted:4")) as other:
            assert same is device
            assert other.address == "counted:4"
        assert len(CLOSED) == 2


def test_options_reach_the_device() -> None:
    device = device_of(DeviceOptions(device="adb:X", phone=PhoneOptions(frequency_khz=1000)))
    assert isinstance(device, AdbDevice)
    assert device.phone.options.frequency_khz == 1000

    with pytest.raises(InputError, match="--tf32 is for GPUs, the device is fake"):
        open_device("fake", DeviceOptions(cuda=CudaOptions(tf32=True)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (DeviceOptions(), "give --device, for instance cpu, adb:SERIAL or ssh:USER@HOST"),
        ("nothing", "device is 'nothing', expected one of: cpu"),
        (3, "device is 3, expected an address like 'cpu' or an open device: `with open_device"),
    ],
)
def test_another_object_than_a_device_is_refused(given: DeviceOptions, words: str) -> None:
    with pytest.raises(InputError, match=words), device_in(given):
        pass


def test_an_address_that_is_not_a_text_is_refused() -> None:
    with pytest.raises(InputError, match="the address of a device is 3, expected a text"):
        open_device(3)  # type: ignore[arg-type]


def test_only_options_say_that_another_is_waited_for() -> None:
    assert waits(DeviceOptions(device="cpu", wait=True))
    assert not waits(DeviceOptions(device="cpu"))
    assert not waits("cpu")
    assert not waits(FakeDevice())


def test_another_that_measures_is_named_or_waited_for(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(device_lock, "POLL_S", 0.05)
    device = registry.get_device("counted:1")

    class Progress(JsonProgress):
        def show_waiting(self, words: str) -> None:
            super().show_waiting(words)
            assert holder.stdin is not None
            holder.stdin.close()

    with held_elsewhere("counted") as holder:
        named = pytest.raises(DeviceInUseError, match=f"process {holder.pid} ")
        with named, measuring_alone(device):
            pass
        with measuring_alone(device, wait=True, progress=Progress()):
            pass

    (line,) = capsys.readouterr().err.splitlines()
    data = json.loads(line)
    assert (data["what"], data["total"], data["done"]) == ("waiting", 1, 0)
    assert data["note"].startswith(f"waiting for process {holder.pid} (")
    assert caplog.messages == []


def test_waiting_is_logged_where_no_progress_shows_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device_lock, "POLL_S", 0.05)

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert holder.stdin is not None
            holder.stdin.close()

    handler = Handler()
    logging.getLogger("ofabench").addHandler(handler)
    device = registry.get_device("counted")
    with held_elsewhere("counted") as holder, measuring_alone(device, wait=True):
        pass
    logging.getLogger("ofabench").removeHandler(handler)

    assert [line.startswith("waiting for process") for line in caplog.messages] == [True]
