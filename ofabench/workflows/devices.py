"""Devices: listing, opening, and locking one while it is measured."""

import html
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from bench.backends.registry import register_backend
from bench.devices import registry
from bench.devices.registry import register_device
from bench.errors import InputError
from bench.protocol.device import Device, Facts
from bench.protocol.plugins import lacking
from bench.protocol.progress import Progress, WaitWatcher
from ofabench.options.device import DeviceOptions

if TYPE_CHECKING:
    from bench.devices.registry import DeviceEntry

__all__ = ["DeviceInfo", "OpenedDevice", "devices", "open_device"]
__all__ += ["register_backend", "register_device"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DeviceInfo:
    """Facts of a device that can be measured as soon as its `state` is ready.

    `address` is the argument of `open_device`, `slug` the hardware's name in a `Target`. `backends`
    has each runtime's version, None if it is not installed. In the list of `devices`, phones and
    GPUs have neither backends nor facts: these need a connection, see `device_info`.
    """

    address: str
    slug: str
    backends: Mapping[str, str | None]
    facts: Facts
    state: str = "ready"

    @classmethod
    def of(cls, entry: "DeviceEntry") -> Self:
        """Copy a registry's entry of a device."""
        return cls(**asdict(entry))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        runtimes = [f"{name} {version}" for name, version in self.backends.items() if version]
        return f"DeviceInfo({', '.join([self.address, self.slug, self.state, *runtimes])})"

    def _repr_html_(self) -> str:
        rows = {"address": self.address, "name": self.slug, "state": self.state}
        cells = {**rows, **self.backends, **self.facts}
        lines = (
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
            for name, value in cells.items()
        )
        return f"<table>{''.join(lines)}</table>"


def devices() -> list[DeviceInfo]:
    """Return every device that can be measured here: this machine, its GPUs, phones, others.

    Devices of other packages are included if they list their addresses. Devices that cannot be
    listed are logged as warnings.

    Example:
        >>> [each.address for each in devices()][0]
        'cpu'
    """
    return [DeviceInfo.of(device) for device in registry.discover_devices(logger.warning)]


def device_info(address: str, options: DeviceOptions | None = None) -> DeviceInfo:
    """Return the facts of one device.

    Args:
        address: as `devices` lists it.
        options: see `open_device`.

    Raises:
        InputError: there is no such kind of device.
        DeviceError: it cannot be reached.

    Example:
        >>> device_info("fake").facts["cpu_cores"]
        8
    """
    with open_device(address, options) as device:
        return DeviceInfo.of(registry.describe(device))


class OpenedDevice(closing[Device]):
    """Device for a `with` block, closed at its end; see `open_device`."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.device = device

    @property
    def address(self) -> str:
        """The address that it was opened with."""
        return self.device.address

    def close(self) -> None:
        """Restore changed settings of the device and close the connection."""
        self.device.close()

    def __repr__(self) -> str:
        return f"open_device({self.address!r})"


DeviceLike: TypeAlias = Device | OpenedDevice | DeviceOptions | str
"""A device argument of the public functions: an open device, an address, or options."""


def open_device(address: str, options: DeviceOptions | None = None) -> OpenedDevice:
    """Return a device for a `with` block, which closes it at its end.

    Phones, boards and GPUs are connected at the first use.

        Args:
            address: `cpu`, `cuda:0`, `adb:SERIAL`, `adb:HOST:PORT`, `ssh:USER@HOST`, `fake`,
                or that of a registered device; see `devices`.
            options: options for phones, boards and GPUs; its `device` is ignored.

        Returns:
            A context manager that gives the `bench.protocol.device.Device`.

        Raises:
            InputError: there is no such device, or the options are for another kind.
            PluginError: a registered device does not work.

        Example:
            >>> with open_device("fake") as device:
            ...     device.facts()["cpu_cores"]
            8
    """
    if not isinstance(address, str):
        raise InputError(f"the address of a device is {address!r:.80}, expected a text like 'cpu'")
    return OpenedDevice(device_of(replace(options or DeviceOptions(), device=address)))


def device_of(options: DeviceOptions) -> Device:
    """Return the device that options name; close it when it is no longer needed."""
    address = options.device
    if address is None:
        raise InputError(
            "give --device, for instance cpu, adb:SERIAL or ssh:USER@HOST; see `ofabench devices`"
        )
    if address.startswith("adb:"):
        return registry.get_device(address, phone=options.phone)
    if address.startswith("ssh:"):
        return registry.get_device(address, ssh=options.ssh, cuda=options.cuda)
    if address.startswith("cuda"):
        return registry.get_device(address, cuda=options.cuda)
    return registry.get_device(address)


@contextmanager
def device_in(source: DeviceLike) -> Iterator[Device]:
    """Open the device for the block; a device opened here is closed at its end."""
    if isinstance(source, str):
        source = DeviceOptions(device=source)
    if isinstance(source, DeviceOptions):
        with closing(device_of(source)) as device:
            yield device
        return
    device = source.device if isinstance(source, OpenedDevice) else source
    if lacking(device, Device):
        raise InputError(
            f"device is {device!r:.80}, expected an address like 'cpu' or an open device: "
            "`with open_device('cpu') as device`"
        )
    yield device


def waits(device: DeviceLike) -> bool:
    """Return whether to wait for another measurement on the device."""
    return isinstance(device, DeviceOptions) and device.wait


@contextmanager
def measuring_alone(
    device: Device, *, wait: bool = False, progress: Progress | None = None
) -> Iterator[None]:
    """Lock the device for the block, so that no other process measures on it.

    With `wait` it waits for another measurement to end and shows that on the progress or in the
    log; else `DeviceInUseError` names the other process.
    """
    from bench.devices.device_lock import measuring

    notify = progress.show_waiting if isinstance(progress, WaitWatcher) else logger.warning
    with measuring(device, wait=wait, notify=notify):
        yield
