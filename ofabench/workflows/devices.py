"""Devices: listing, opening, and locking one while it is measured."""

import html
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from types import TracebackType
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
    """What is known of a device that can be measured, or could be once its `state` is ready.

    `address` is what `open_device` takes, `slug` the hardware's own name as in a `Target`.
    `backends` has each runtime's version, None where it is not installed. Phones and GPUs have
    neither backends nor facts in the list of `devices`: those take a connection, see `device_info`.
    """

    address: str
    slug: str
    backends: Mapping[str, str | None]
    facts: Facts
    state: str = "ready"

    @classmethod
    def of(cls, found: "DeviceEntry") -> Self:
        """Take over what a registry knows of a device."""
        return cls(**asdict(found))

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
    """Return every device that can be measured from here: this machine, its GPUs, phones, others.

    Devices of other packages are there where they list their addresses. What cannot be listed is
    logged as a warning.

    Example:
        >>> [each.address for each in devices()][0]
        'cpu'
    """
    return [DeviceInfo.of(each) for each in registry.found_devices(logger.warning)]


def device_info(address: str) -> DeviceInfo:
    """Return all that is known of one device.

    Args:
        address: as `devices` lists it.

    Raises:
        InputError: there is no such kind of device.
        DeviceError: it cannot be reached.

    Example:
        >>> device_info("fake").facts["cpu_cores"]
        8
    """
    with closing(registry.get_device(address)) as device:
        return DeviceInfo.of(registry.describe(device))


class OpenedDevice:
    """A device to be used in a `with` block, at whose end it is closed; see `open_device`."""

    def __init__(self, device: Device) -> None:
        self.device = device

    @property
    def address(self) -> str:
        """What it was opened by."""
        return self.device.address

    def close(self) -> None:
        """Put back what was changed on the device and let go of it."""
        self.device.close()

    def __enter__(self) -> Device:
        return self.device

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"open_device({self.address!r})"


DeviceLike: TypeAlias = Device | OpenedDevice | DeviceOptions | str
"""What the verbs take as a device: an open one, or an address, with options or without."""


def open_device(address: str, options: DeviceOptions | None = None) -> OpenedDevice:
    """Return a device for a `with` block, which closes it at its end.

    A phone or a GPU is reached when it is first asked for something.

    Args:
        address: `cpu`, `cuda:0`, `adb:SERIAL`, `adb:HOST:PORT`, `fake`, or that of a registered
            device; see `devices`.
        options: what phones and GPUs are measured with; its `device` is not looked at.

    Returns:
        What gives the `bench.protocol.device.Device` in the `with` block.

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
        raise InputError("give --device, for instance cpu or adb:SERIAL; see `ofabench devices`")
    if address.startswith("adb:"):
        return registry.get_device(address, phone=options.phone)
    if address.startswith("cuda"):
        return registry.get_device(address, cuda=options.cuda)
    return registry.get_device(address)


@contextmanager
def device_in(given: DeviceLike) -> Iterator[Device]:
    """Give the device for as long as the block lasts; one that is opened here is closed."""
    if isinstance(given, str):
        given = DeviceOptions(device=given)
    if isinstance(given, DeviceOptions):
        with closing(device_of(given)) as device:
            yield device
        return
    device = given.device if isinstance(given, OpenedDevice) else given
    if lacking(device, Device):
        raise InputError(
            f"device is {device!r:.80}, expected an address like 'cpu' or an open device: "
            "`with open_device('cpu') as device`"
        )
    yield device


def waits(given: DeviceLike) -> bool:
    """Return whether another's measurement on the device is waited for."""
    return isinstance(given, DeviceOptions) and given.wait


@contextmanager
def measuring_alone(
    device: Device, *, wait: bool = False, progress: Progress | None = None
) -> Iterator[None]:
    """Be the only one that measures on the device, for as long as the block lasts.

    With `wait` another's end is waited for, which the progress shows or the log has; else
    `DeviceInUseError` names the other.
    """
    from bench.devices.device_lock import measuring

    tell = progress.show_waiting if isinstance(progress, WaitWatcher) else logger.warning
    with measuring(device, wait=wait, tell=tell):
        yield
