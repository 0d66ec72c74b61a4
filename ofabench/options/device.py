"""Options of the device that is measured on."""

from dataclasses import dataclass

from bench.devices.android.phone.options import PhoneOptions
from bench.devices.cuda.options import CudaOptions
from bench.errors import InputError
from bench.options import Options, nested, option


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions(Options):
    """Which device is measured on, and with what.

    `phone` holds for `adb:...` alone, `cuda` for `cuda:...`.
    """

    device: str | None = option(
        None,
        metavar="D",
        help="cpu, cuda:0, adb:SERIAL, adb:HOST:PORT or adb:transport_id:N; see `ofabench devices`",
    )
    wait: bool = option(
        False,
        help="where another ofabench measures on the device, wait for its end (default: say which)",
    )
    phone: PhoneOptions = nested(PhoneOptions, group="phones (adb:...)")
    cuda: CudaOptions = nested(CudaOptions, group="NVIDIA GPUs (cuda:...)")

    def check(self) -> None:
        """See that options of phones are given for phones alone, those of GPUs for GPUs alone."""
        kinds = ((self.phone, "adb:", "phones (adb:...)"), (self.cuda, "cuda", "GPUs"))
        for given, prefix, whose in kinds:
            name = first_given(given)
            if name is not None and self.device is not None and not self.device.startswith(prefix):
                flag = "--" + name.replace("_", "-")
                raise InputError(f"{flag} is for {whose}, the device is {self.device}")


def first_given(options: Options) -> str | None:
    """Return the name of the first option that differs from its default, None where none does."""
    usual = type(options)().to_dict()
    return next((name for name, value in options.to_dict().items() if value != usual[name]), None)
