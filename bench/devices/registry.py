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
    from bench.devices.ssh.options import SshOptions

KNOWN = (
    "cpu (this machine), cuda:0 (an NVIDIA GPU), adb:SERIAL, adb:HOST:PORT or "
    "adb:transport_id:N (a phone), ssh:USER@HOST (a board or server), "
    "fake (computed, for dry runs)"
)
RUNTIMES = ("torch", "onnx", "tflite")
CUDA_RUNTIMES = ("torch", "onnx", "tensorrt")
PLUGINS: Plugins[Device] = Plugins(
    "device", "ofabench.devices", Device, ("cpu", "cuda", "adb", "ssh", "fake")
)


def register_device(name: str, factory: Callable[[str], Device]) -> None:
    """Register a kind of device under a name, for this process.

    A package makes its devices known to every process, including the command line, by an entry
    point of the group `ofabench.devices`: `mine = "my_package:MyDevice"`.

    Args:
        name: the beginning of its addresses: `mine` for the addresses `mine` and `mine:...`;
            lowercase letters, digits, - and _.
        factory: the class, or a function that creates one, called with the whole address. If it
            has an attribute `addresses`, a function that returns addresses, `ofabench devices`
            lists these.

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
    address: str,
    *,
    phone: "PhoneOptions | None" = None,
    ssh: "SshOptions | None" = None,
    cuda: "CudaOptions | None" = None,
) -> Device:
    """Create the device at `address`, with the options of its kind.

    Raises `InputError` if there is no such kind. A phone, a board or a GPU is connected at its
    first use, and `close` disconnects it.
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
    if address.startswith("ssh:"):
        from bench.devices.cuda.options import CudaOptions
        from bench.devices.ssh.opening import open_ssh
        from bench.devices.ssh.options import SshOptions

        return open_ssh(address, ssh or SshOptions(), cuda or CudaOptions())
    return _plugin(address)


def _plugin(address: str) -> Device:
    name = address.partition(":")[0]
    device = None if name in PLUGINS.built_in else PLUGINS.make(name, address)
    if device is None:
        others = "".join(f", {name}" for name in PLUGINS.names())
        raise InputError(f"device is {address!r}, expected one of: {KNOWN}{others}")
    if device.address != address:
        raise PluginError(
            f"the device {name} gives its address as {device.address!r:.80}, expected {address!r}"
        )
    return device


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEntry:
    """A device that can be measured, or could be once its `state` is ready."""

    address: str
    slug: str
    backends: Mapping[str, str | None]  # each runtime's version; None if it is not installed
    facts: Facts
    state: str = "ready"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def discover_devices(notify: Callable[[str], None]) -> list[DeviceEntry]:
    """Return every device that can be measured from here: this machine, its GPUs, and phones.

    A phone's entry has its model only: facts need a connection, see `describe`. `notify` receives
    the reason if phones could not be listed; the other devices are.
    """
    from bench.devices.cuda.discovery import discover_gpus

    gpus = [
        DeviceEntry(address=gpu.address, slug=gpu.slug, backends={}, facts={}, state=gpu.state)
        for gpu in discover_gpus()
    ]
    return [describe(get_device("cpu")), *gpus, *_found_phones(notify), *_found_plugins(notify)]


def _found_plugins(notify: Callable[[str], None]) -> list[DeviceEntry]:
    """Return the devices of other packages that list their addresses."""
    result = []
    for name in PLUGINS.names():
        try:
            result += [_found_plugin(address) for address in _addresses(name)]
        except OfabenchError as error:
            notify(f"devices {name}:... are not listed: {error}")
    return result


def _addresses(name: str) -> list[str]:
    factory = PLUGINS.factory(name)
    listed: Callable[[], Iterable[str]] | None = getattr(factory, "addresses", None)
    if not callable(listed):
        return []
    addresses = PLUGINS.guarded(f"the device {name}", "list its addresses", lambda: list(listed()))
    if not all(isinstance(address, str) for address in addresses):
        raise PluginError(f"the device {name} lists addresses that are no texts: {addresses!r:.80}")
    return [str(address) for address in addresses]


def _found_plugin(address: str) -> DeviceEntry:
    """Return the entry of a device; its state has the reason if it cannot be reached."""
    with closing(get_device(address)) as device:
        try:
            return describe(device)
        except DeviceError as error:
            return DeviceEntry(
                address=address, slug="unknown", backends={}, facts={}, state=str(error)
            )


def _found_phones(notify: Callable[[str], None]) -> list[DeviceEntry]:
    from bench.devices.android.adb.discovery import discover_phones

    try:
        phones = discover_phones()
    except (DeviceError, InputError) as error:
        notify(f"phones are not listed: {error}")
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
    """Return the entry of a device with its facts; `DeviceError` if it cannot be reached."""
    names = CUDA_RUNTIMES if device.address.startswith("cuda") else RUNTIMES
    backends = {name: _version(device, name) for name in (*names, *BACKEND_PLUGINS.names())}
    return DeviceEntry(
        address=device.address, slug=device.slug(), backends=backends, facts=device.facts()
    )


def _version(device: Device, backend: str) -> str | None:
    """Return the version of a backend's runtime there; None if there is none."""
    try:
        return device.runtime_version(get_backend(backend))
    except (MissingRuntimeError, PluginError, InputError):
        return None
