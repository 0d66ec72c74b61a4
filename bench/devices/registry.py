"""Devices by address, and which of them can be measured here."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench.backends.registry import PLUGINS as BACKEND_PLUGINS
from bench.backends.registry import get_backend
from bench.errors import (
    DeviceError,
    InputError,
    MissingRuntimeError,
    OfabenchError,
    PluginError,
)
from bench.protocol.device import Device, Facts
from bench.protocol.plugins import Plugins

if TYPE_CHECKING:
    from bench.devices.android.phone.options import PhoneOptions
    from bench.devices.cuda.options import CudaOptions

KNOWN = (
    "cpu (this machine), cuda:0 (an NVIDIA GPU), adb:SERIAL, adb:HOST:PORT or "
    "adb:transport_id:N (a phone), "
    "fake (computed, for dry runs)"
)
RUNTIMES = ("torch", "onnx", "tflite")
CUDA_RUNTIMES = ("torch", "onnx", "tensorrt")
PLUGINS: Plugins[Device] = Plugins(
    "device", "ofabench.devices", Device, ("cpu", "cuda", "adb", "fake")
)


def register_device(name: str, factory: Callable[[str], Device]) -> None:
    """Make a kind of device known under a name, for this process.

    A package makes its own known to every process, the command line too, by an entry point of the
    group `ofabench.devices`: `mine = "my_package:MyDevice"`.

    Args:
        name: what its addresses begin with: `mine` for the addresses `mine` and `mine:...`;
            lowercase letters, digits, - and _.
        factory: the class, or a function that makes one, given the whole address. Where it has an
            attribute `addresses`, a function that returns addresses, `ofabench devices` lists
            these.

    Raises:
        InputError: the name is taken, or the factory cannot be called.

    Example:
        >>> from bench.devices.fake import FakeDevice
        >>> def quiet_machine(address: str) -> FakeDevice:
        ...     return FakeDevice(address=address)
        >>> register_device("quiet-machine", quiet_machine)
        >>> get_device("quiet-machine:1").address
        'quiet-machine:1'
    """
    PLUGINS.register(name, factory)


def get_device(
    address: str, *, phone: "PhoneOptions | None" = None, cuda: "CudaOptions | None" = None
) -> Device:
    """Make the device at `address`, with the options of its kind.

    `InputError` where there is no such kind. A phone or a GPU is reached when it is first asked
    for something, and `close` ends that.
    """
    if address == "cpu":
        from bench.devices.cpu.local import LocalDevice

        return LocalDevice()
    if address == "fake":
        from bench.devices.fake import FakeDevice, SimulatedDisturbances

        flaws = SimulatedDisturbances(
            noise=0.02, layout=0.01, level=0.03, stumbles=0.001, memory_swing=0.05
        )
        return FakeDevice(flaws=flaws)
    if address.startswith("cuda"):
        from bench.devices.cuda.device import CudaDevice
        from bench.devices.cuda.options import CudaOptions

        return CudaDevice(address, cuda or CudaOptions())
    if address.startswith("adb:"):
        from bench.devices.android.device import AdbDevice
        from bench.devices.android.phone.options import PhoneOptions

        return AdbDevice(address, phone or PhoneOptions())
    return _plugin(address)


def _plugin(address: str) -> Device:
    name = address.partition(":")[0]
    device = None if name in PLUGINS.built_in else PLUGINS.make(name, address)
    if device is None:
        others = "".join(f", {each}" for each in PLUGINS.names())
        raise InputError(f"device is {address!r}, expected one of: {KNOWN}{others}")
    if device.address != address:
        raise PluginError(
            f"the device {name} gives its address as {device.address!r:.80}, asked was {address!r}"
        )
    return device


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEntry:
    """A device that can be measured, or could be once its `state` is ready."""

    address: str
    slug: str
    backends: Mapping[str, str | None]  # each runtime's version; None where it is not installed
    facts: Facts
    state: str = "ready"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def found_devices(tell: Callable[[str], None]) -> list[DeviceEntry]:
    """Every device that can be measured from here: this machine, its GPUs, and phones.

    Of a phone no more is told than its model: facts take a connection, see `describe`. `tell`
    hears why phones could not be listed; the other devices are.
    """
    from bench.devices.cuda.discovery import found_gpus

    gpus = [
        DeviceEntry(address=gpu.address, slug=gpu.slug, backends={}, facts={}, state=gpu.state)
        for gpu in found_gpus()
    ]
    return [describe(get_device("cpu")), *gpus, *_found_phones(tell), *_found_plugins(tell)]


def _found_plugins(tell: Callable[[str], None]) -> list[DeviceEntry]:
    """Devices of other packages, those that list their addresses."""
    result = []
    for name in PLUGINS.names():
        try:
            result += [_found_plugin(address) for address in _addresses(name)]
        except OfabenchError as error:
            tell(f"devices {name}:... are not listed: {error}")
    return result


def _addresses(name: str) -> list[str]:
    factory = PLUGINS.factory(name)
    listed: Callable[[], Iterable[str]] | None = getattr(factory, "addresses", None)
    if not callable(listed):
        return []
    found = PLUGINS.guarded(f"the device {name}", "list its addresses", lambda: list(listed()))
    if not all(isinstance(each, str) for each in found):
        raise PluginError(f"the device {name} lists addresses that are no texts: {found!r:.80}")
    return [str(each) for each in found]


def _found_plugin(address: str) -> DeviceEntry:
    """Describe a device; its state says why where it cannot be reached."""
    with closing(get_device(address)) as device:
        try:
            return describe(device)
        except DeviceError as error:
            return DeviceEntry(
                address=address, slug="unknown", backends={}, facts={}, state=str(error)
            )


def _found_phones(tell: Callable[[str], None]) -> list[DeviceEntry]:
    from bench.devices.android.adb.discovery import found_phones

    try:
        phones = found_phones()
    except (DeviceError, InputError) as error:
        tell(f"phones are not listed: {error}")
        return []
    return [
        DeviceEntry(
            address=phone.address,
            slug=phone.model or "unknown",
            backends={},
            facts={},
            state=phone.state,
        )
        for phone in phones
    ]


def describe(device: Device) -> DeviceEntry:
    """Tell everything of a device; `DeviceError` where it cannot be reached."""
    names = CUDA_RUNTIMES if device.address.startswith("cuda") else RUNTIMES
    backends = {name: _version(device, name) for name in (*names, *BACKEND_PLUGINS.names())}
    return DeviceEntry(
        address=device.address, slug=device.slug(), backends=backends, facts=device.facts()
    )


def _version(device: Device, backend: str) -> str | None:
    """Version of what runs a backend's files there; None where nothing does."""
    try:
        return device.runtime_version(get_backend(backend))
    except (MissingRuntimeError, PluginError, InputError):
        return None
