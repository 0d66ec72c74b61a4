"""Removal of everything that ofabench has left on a phone, board or server."""

from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ofabench.options.device import DeviceOptions
from ofabench.options.remote import RemoteCleanOptions

if TYPE_CHECKING:
    from bench.devices.remote.device import RunnerDevice


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCleaning:
    """What was removed from a device.

    Attributes:
        address: of the device.
        removed: sizes in bytes by path, as the device's file system counts them.
        left: paths in our folder that are not ours, or could not be removed.

    Example:
        >>> RemoteCleaning(address="ssh:board", removed={"/home/me/x": 4096}, left=())
        removed from ssh:board, 0.0 MB:
          /home/me/x
    """

    address: str
    removed: dict[str, int]
    left: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values for JSON."""
        return {**asdict(self), "left": list(self.left)}

    def __repr__(self) -> str:
        if not self.removed and not self.left:
            return f"nothing of ofabench is on {self.address}"
        megabytes = sum(self.removed.values()) / 1e6
        lines = [f"removed from {self.address}, {megabytes:.1f} MB:", *self.removed]
        if self.left:
            lines += ["left, not ours or not removable:", *self.left]
        return "\n".join(line if line.endswith(":") else f"  {line}" for line in lines)


def clean_remote(address: str, options: DeviceOptions | None = None) -> RemoteCleaning:
    """Remove everything that ofabench has left on a phone, board or server.

    Removed are the runner, model files and job in our folder there, and the contents that workers
    have received. An ofabench that the user has installed there stays. What else is in the folder
    stays too, and is named.

    Args:
        address: `ssh:USER@HOST` or `adb:SERIAL`.
        options: how it is reached; its `device` is ignored.

    Returns:
        What was removed, and what is left.

    Raises:
        InputError: another kind of device.
        DeviceError: it cannot be reached, or something measures there.

    Example:
        >>> clean_remote("cpu")
        Traceback (most recent call last):
        bench.errors.InputError: device is 'cpu', expected ssh:USER@HOST or adb:SERIAL: on other \
devices nothing is left
    """
    given = options or DeviceOptions()
    checked = RemoteCleanOptions(device=address, ssh=given.ssh)
    with closing(_runner_device(checked)) as device:
        from bench.devices.remote.cleaning import clean

        cleaning = clean(device.machine, workers=address.startswith("ssh:"))
    removed = {each.path: each.size_bytes for each in cleaning.removed}
    return RemoteCleaning(address=address, removed=removed, left=cleaning.left)


def _runner_device(options: RemoteCleanOptions) -> "RunnerDevice":
    """Return the device by our runner's connection, whatever measures there otherwise."""
    if options.device.startswith("adb:"):
        from bench.devices.android.device import AdbDevice

        return AdbDevice(options.device)
    from bench.devices.ssh.device import SshDevice

    return SshDevice(options.device, options.ssh)
