"""Options of `ofabench devices` and of `ofabench phone`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.devices.ssh.options import SshOptions
from bench.errors import InputError
from bench.options import Options, nested, option
from ofabench.options.device import first_given


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesOptions(Options):
    """Devices to list."""

    device: str | None = option(
        None, metavar="D", help="only this device, with its facts, e.g. adb:SERIAL or ssh:USER@HOST"
    )
    ssh: SshOptions = nested(SshOptions, group="boards and servers (ssh:...)")

    def check(self) -> None:
        """Allow options of boards for boards only."""
        if self.device is None or not self.device.startswith("ssh:"):
            name = first_given(self.ssh)
            if name is not None:
                raise InputError(
                    f"--{name.replace('_', '-')} is for --device ssh:..., the device is "
                    f"{self.device or 'not given'}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOptions(Options):
    """How to build the runner for phones."""

    abi: Literal["arm64-v8a", "x86_64"] = option(
        "arm64-v8a",
        help="processor of the phone; x86_64 for tests on this machine (default {default})",
    )
    debs: Path | None = option(
        None, metavar="FOLDER", help="folder with Debian's arm64 packages, on machines without apt"
    )
    compiler: str | None = option(
        None, metavar="gcc|zig|PATH", help="default: whichever is installed"
    )
    out: Path | None = option(None, metavar="FOLDER", help="new folder for a copy")
