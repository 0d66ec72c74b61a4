"""Options of the device for measurements."""

from dataclasses import dataclass

from bench.devices.android.phone.options import PhoneOptions
from bench.devices.cuda.options import CudaOptions
from bench.errors import InputError
from bench.options import Options, nested, option


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions(Options):
    """Device for measurements, and its options.

    `phone` applies to `adb:...` only, `cuda` to `cuda:...`.
    """

    device: str | None = option(
        None,
        metavar="D",
        help="cpu, cuda:0, adb:SERIAL, adb:HOST:PORT or adb:transport_id:N; see `ofabench devices`",
    )
    wait: bool = option(
        False,
        help="if another ofabench measures on the device, wait for its end (default: stop with an "
        "error)",
    )
    phone: PhoneOptions = nested(PhoneOptions, group="phones (adb:...)")
    cuda: CudaOptions = nested(CudaOptions, group="NVIDIA GPUs (cuda:...)")

    def check(self) -> None:
        """Allow options of phones for phones only, and those of GPUs for GPUs only."""
        kinds = ((self.phone, "adb:", "phones (adb:...)"), (self.cuda, "cuda", "GPUs"))
        for options, prefix, whose in kinds:
            name = first_given(options)
            if name is not None and self.device is not None and not self.device.startswith(prefix):
                flag = "--" + name.replace("_", "-")
                raise InputError(f"{flag} is for {whose}, the device is {self.device}")


def first_given(options: Options) -> str | None:
    """Return the name of the first option that differs from its default, or None."""
    defaults = type(options)().to_dict()
    return next(
        (name for name, value in options.to_dict().items() if value != defaults[name]), None
    )
