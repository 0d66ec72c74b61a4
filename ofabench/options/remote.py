"""Options of `ofabench remote`."""

from dataclasses import dataclass

from bench.devices.ssh.options import SshOptions
from bench.errors import InputError
from bench.options import Options, nested, option
from ofabench.options.device import DeviceOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCleanOptions(Options):
    """The device that is cleaned, and how it is reached."""

    device: str = option(positional=True, metavar="DEVICE", help="ssh:USER@HOST or adb:SERIAL")
    ssh: SshOptions = nested(SshOptions, group="boards and servers (ssh:...)")

    def check(self) -> None:
        """Accept devices over a connection only."""
        if not self.device.startswith(("ssh:", "adb:")):
            raise InputError(
                f"device is {self.device!r:.80}, expected ssh:USER@HOST or adb:SERIAL: on other "
                "devices nothing is left"
            )
        self.device_options.check()

    @property
    def device_options(self) -> DeviceOptions:
        """The device with its options."""
        return DeviceOptions(device=self.device, ssh=self.ssh)
