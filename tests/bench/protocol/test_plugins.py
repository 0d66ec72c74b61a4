"""Backends and devices of other packages: registration, entry points, and errors."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.backends.fake import FakeBackend
from bench.backends.registry import get_backend, register_backend
from bench.devices.fake import FakeDevice
from bench.devices.registry import discover_devices, get_device, register_device
from bench.errors import DeviceError, InputError, MissingRuntimeError, PluginError
from tests.support.plugin_package import DEVICE, ENTRY_POINTS, install_plugin

ROOT = Path(__file__).resolve().parents[3]


class Mine(FakeBackend):
    name = "mine"

    def __init__(self, *, fast: bool = False) -> None:
        self.fast = fast


def machine(address: str) -> FakeDevice:
    return FakeDevice(address=address)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, into which packages may be installed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def _forget_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [module for module in sys.modules if module.startswith("tiny_plugin")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture(autouse=True)
def _fresh_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget_modules(monkeypatch)


def test_a_registered_backend_is_created_with_its_options() -> None:
    register_backend("mine", Mine)

    backend = get_backend("mine", fast=True)

    assert isinstance(backend, Mine)
    assert backend.fast
    assert get_backend("mine") is not backend


def test_a_registered_device_is_created_for_each_of_its_addresses() -> None:
    register_device("mine", machine)

    assert get_device("mine").address == "mine"
    assert get_device("mine:rack/3").address == "mine:rack/3"
    with pytest.raises(InputError, match=r"device is 'mines:1', expected one of: cpu .*, mine$"):
        get_device("mines:1")
    with pytest.raises(InputError, match="device is 'cpu:1'"):
        get_device("cpu:1")


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    register_backend("mine", Mine)

    with pytest.raises(InputError, match=r"expected torch, onnx, tflite or tensorrt, mine$"):
        get_backend("yours")


def test_registering_the_same_class_again_replaces_it() -> None:
    def define() -> type[Mine]:
        class Cell(Mine):
            pass

        return Cell

    first, second = define(), define()
    register_backend("mine", first)
    register_backend("mine", second)

    assert type(get_backend("mine")) is second


@pytest.mark.parametrize(
    ("name", "factory", "words"),
    [
        ("onnx", Mine, "the backend onnx is built in; register another name"),
        ("tensorrt", Mine, "the backend tensorrt is built in"),
        ("My backend", Mine, "the name of a backend is 'My backend', expected lowercase letters"),
        ("", Mine, "the name of a backend is ''"),
        (3, Mine, "the name of a backend is 3"),
        ("mine", "my_package:Mine", "is registered with 'my_package:Mine', expected a class"),
        ("taken", Mine, "the backend taken is registered already, by bench.backends.fake.Fake"),
    ],
)
def test_a_wrong_registration_is_refused_in_one_line(
    name: str, factory: type[Mine], words: str
) -> None:
    register_backend("taken", FakeBackend)

    with pytest.raises(InputError) as caught:
        register_backend(name, factory)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_built_in_device_cannot_be_registered() -> None:
    for name in ("cpu", "cuda", "adb", "fake"):
        with pytest.raises(InputError, match=f"the device {name} is built in"):
            register_device(name, machine)


class Half:
    """A backend without most of the required attributes."""

    name = "half"

    def version(self) -> str:
        return "1"


def test_a_backend_without_the_protocols_methods_names_them() -> None:
    register_backend("half", Half)  # type: ignore[arg-type]

    with pytest.raises(
        PluginError,
        match=r"the backend half \(.*Half\) lacks file_suffix, options\(\), serialise\(\), load\(\)"
        r", load_file\(\); see bench\.protocol\.backend\.Backend",
    ):
        get_backend("half")


def test_a_device_without_the_protocols_methods_names_them() -> None:
    class Bare:
        def __init__(self, address: str) -> None:
            self.address = address

    register_device("bare", Bare)  # type: ignore[arg-type]

    with pytest.raises(PluginError, match=r"lacks slug\(\), facts\(\), runtime_version\(\), "):
        get_device("bare")


def test_a_name_or_address_other_than_the_registered_one_is_refused() -> None:
    register_backend("yours", Mine)
    register_device("elsewhere", lambda address: FakeDevice())

    with pytest.raises(PluginError, match="the backend yours gives its name as 'mine'"):
        get_backend("yours")
    with pytest.raises(PluginError, match="gives its address as 'fake', expected 'elsewhere:2'"):
        get_device("elsewhere:2")


def test_errors_of_creation_are_one_line_and_our_own_are_unchanged() -> None:
    def broken(address: str) -> FakeDevice:
        raise ZeroDivisionError("a\nb")

    def missing(address: str) -> FakeDevice:
        raise MissingRuntimeError("pip install mine")

    register_device("broken", broken)
    register_device("missing", missing)

    with pytest.raises(PluginError, match=r"cannot be made \(ZeroDivisionError: a\); correct it"):
        get_device("broken:1")
    with pytest.raises(MissingRuntimeError, match="pip install mine"):
        get_device("missing")


def test_backends_and_devices_of_installed_packages_are_available(installed: Path) -> None:
    install_plugin(installed)

    assert get_backend("mine").version() == "7"
    assert get_device("mine:1").slug() == "machine-of-mine"


def test_an_entry_point_with_a_builtin_name_is_ignored(
    installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry_points = ENTRY_POINTS.replace("mine =", "fake =", 1)
    install_plugin(installed, entry_points=entry_points)

    assert type(get_backend("fake")) is FakeBackend
    with pytest.raises(InputError), caplog.at_level(logging.WARNING):
        get_backend("absent")
    assert caplog.messages == [
        "the backend fake of the package tiny-plugin is ignored: that name is built in"
    ]


def test_two_packages_with_one_name_are_refused(installed: Path) -> None:
    install_plugin(installed)
    install_plugin(installed, distribution="other-plugin")

    with pytest.raises(PluginError, match="mine is in the packages other-plugin and tiny-plugin"):
        get_backend("mine")


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("import nothing_of_the_kind", r"cannot be loaded \(ModuleNotFoundError: No module named"),
        ("1 / 0", r"cannot be loaded \(ZeroDivisionError: division by zero\)"),
        ("class Other: pass", r"cannot be loaded \(AttributeError: "),
        ("Backend = 3", "is 3, expected a class or a function that makes one"),
        ("class Backend: pass", r"lacks name, file_suffix, version\(\), options\(\), "),
    ],
)
def test_a_broken_package_is_refused_in_one_line(installed: Path, backend: str, words: str) -> None:
    install_plugin(installed, backend=backend)

    with pytest.raises(PluginError, match=words) as caught:
        get_backend("mine")

    assert "\n" not in str(caught.value)


def test_devices_that_list_their_addresses_are_discovered(installed: Path) -> None:
    install_plugin(installed)
    register_device("other", machine)  # lists none

    result = {device.address: device for device in discover_devices(lambda text: None)}

    assert set(result) == {"cpu", "mine:0", "mine:1"}
    assert result["mine:1"].slug == "machine-of-mine"
    assert result["cpu"].backends["mine"] == "7"


def test_other_devices_are_listed_beside_one_that_fails(installed: Path) -> None:
    install_plugin(installed, device=DEVICE.replace('["mine:0", "mine:1"]', "1 / 0"))

    class Away(FakeDevice):
        def slug(self) -> str:
            raise DeviceError("nobody answers")

    def away(address: str) -> FakeDevice:
        return Away(address=address)

    away.addresses = lambda: ["away:1"]  # type: ignore[attr-defined]
    register_device("away", away)
    messages: list[str] = []

    states = {device.address: device.state for device in discover_devices(messages.append)}

    assert states == {"cpu": "ready", "away:1": "nobody answers"}
    assert messages == [
        "devices mine:... are not listed: the device mine cannot list its addresses "
        "(ZeroDivisionError: division by zero); correct it, or uninstall its package"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "names", "tests"),
    [
        ("backends/test_backends.py", {"OFABENCH_TEST_BACKENDS": "mine"}, "has_a_name"),
        ("devices/test_conformance.py", {"OFABENCH_TEST_DEVICES": "mine:0=mine"}, "slug or times"),
    ],
)
def test_the_conformance_suites_run_for_a_package(
    installed: Path, suite: str, names: dict[str, str], tests: str
) -> None:
    install_plugin(installed)
    completed = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            "",
            f"tests/bench/{suite}",
            "-k",
            f"mine and ({tests})",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **names, "PYTHONPATH": f"{installed}:{ROOT}"},
    )

    assert completed.returncode == 0, completed.stdout
    assert " passed" in completed.stdout
