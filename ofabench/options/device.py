"""Options of the device for measurements."""

from dataclasses import dataclass

from bench.devices.android.phone.options import PhoneOptions
from bench.devices.cuda.options import CudaOptions
from bench.devices.remote.options import RunnerOptions
from bench.devices.ssh.options import SshOptions
from bench.errors import InputError
from bench.options import Options, nested, option
from bench.options.fields import own_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions(Options):
    """Device for measurements, and its options.

    `phone` applies to `adb:...` only, `ssh` to `ssh:...`, `cuda` to `cuda:...`
    and to `ssh:...` with a `remote_device` that is a GPU.
    """

    device: str | None = option(
        None,
        metavar="D",
        help="cpu, cuda:0, adb:SERIAL, adb:HOST:PORT, adb:transport_id:N or ssh:USER@HOST; see "
        "`ofabench devices`",
    )
    wait: bool = option(
        False,
        help="if another ofabench measures on the device, wait for its end (default: stop with an "
        "error)",
    )
    phone: PhoneOptions = nested(PhoneOptions, group="phones (adb:...)")
    ssh: SshOptions = nested(SshOptions, group="boards and servers (ssh:...)")
    cuda: CudaOptions = nested(CudaOptions, group="NVIDIA GPUs (cuda:...)")

    def check(self) -> None:
        """Allow the options of a kind of devices for such devices only."""
        if self.device is None:
            return
        remote = "phones and boards (adb:..., ssh:...)"
        gpus = ("cuda", "ssh:") if self.ssh.remote_device.startswith("cuda") else ("cuda",)
        kinds = (
            (self.phone, ("adb:",), "phones (adb:...)"),
            (self.ssh, ("ssh:",), "boards and servers (ssh:...)"),
            (self.cuda, gpus, "GPUs"),
        )
        for options, prefixes, whose in kinds:
            for name in given_names(options):
                shared = name in own_fields(RunnerOptions)
                allowed = ("adb:", "ssh:") if shared else prefixes
                if not self.device.startswith(allowed):
                    flag = "--" + name.replace("_", "-")
                    raise InputError(
                        f"{flag} is for {remote if shared else whose}, the device is {self.device}"
                    )


def given_names(options: Options) -> list[str]:
    """Return the names of the options that differ from their defaults."""
    defaults = type(options)().to_dict()
    return [name for name, value in options.to_dict().items() if value != defaults[name]]


def first_given(options: Options) -> str | None:
    """Return the name of the first option that differs from its default, or None."""
    return next(iter(given_names(options)), None)
