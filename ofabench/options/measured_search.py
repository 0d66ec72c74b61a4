"""Options of a search that measures its candidates on the device, iteration by iteration."""

from dataclasses import dataclass
from pathlib import Path

from bench.devices.android.phone.options import PhoneOptions
from bench.devices.cuda.options import CudaOptions
from bench.errors import InputError
from bench.options import SECONDS, Options, nested, option
from bench.options.fields import own_fields
from ofabench.options import shared
from ofabench.options.device import DeviceOptions, first_given

DECIDING = 2  # times as many replicates as an iteration has


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuringOptions(Options):
    """How often and how long a search measures its candidates.

    Example:
        >>> MeasuringOptions(iterations=3, budget_s="5m").budget_s
        300.0
    """

    candidates: int = option(
        12, minimum=1, metavar="N", help="networks measured in an iteration ({default})"
    )
    iterations: int = option(5, minimum=1, metavar="N", help="at most so many ({default})")
    budget_s: float | None = option(
        None,
        flag="--measure-budget",
        unit=SECONDS,
        metavar="5m",
        help="begin no iteration that would make the measuring take longer",
    )
    tries: int = option(
        3,
        minimum=1,
        metavar="N",
        help="networks that may have a deciding measurement, until one meets the limit ({default})",
    )
    replicates: int = option(
        3,
        flag="--measure-replicates",
        minimum=1,
        metavar="N",
        help="of an iteration, as of a sweep; the deciding measurement has twice as many "
        "({default})",
    )
    rounds: int = option(
        10, flag="--measure-rounds", minimum=1, metavar="N", help="of each replicate ({default})"
    )
    force: bool = shared.force()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSearchOptions(Options):
    """Where a search measures, how, and where it keeps what it measured."""

    device: str | None = option(
        None,
        flag="--measure-on",
        metavar="DEVICE",
        help="measure the most promising networks on it and search again with what that says, "
        "until the best one is measured; a fresh process then decides",
    )
    measured: Path | None = option(
        None,
        metavar="FOLDER",
        help="keeps all that is measured; the same command continues with it (default: "
        "beside --out)",
    )
    wait: bool = option(
        False, help="where another ofabench measures on the device, wait for its end"
    )
    measuring: MeasuringOptions = nested(MeasuringOptions)
    phone: PhoneOptions = nested(PhoneOptions, group="phones (adb:...)")
    cuda: CudaOptions = nested(CudaOptions, group="NVIDIA GPUs (cuda:...)")

    def check(self) -> None:
        """See that what is of measuring is given together with a device."""
        if self.device is not None:
            self.device_options.check()
            return
        flags = [
            *(["--measured"] if self.measured is not None else []),
            *(["--wait"] if self.wait else []),
            *filter(None, map(_first_flag, (self.measuring, self.phone, self.cuda))),
        ]
        if flags:
            raise InputError(f"{flags[0]} is of a search that measures: give --measure-on too")

    @property
    def device_options(self) -> DeviceOptions:
        """The device, with the options of its kind."""
        return DeviceOptions(device=self.device, wait=self.wait, phone=self.phone, cuda=self.cuda)


def _first_flag(options: Options) -> str | None:
    """The first option that was given, as on the command line; None where none was."""
    name = first_given(options)
    if name is None:
        return None
    flags = own_fields(type(options))[name].flags
    return flags[0] if flags else f"--{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureLaidOut(Options):
    """What is laid out in a sweep's file, to be measured by a worker process."""

    sweep: Path = option(metavar="SWEEP.sqlite", help="file with what is laid out")
    device: DeviceOptions = nested(DeviceOptions)
    force: bool = shared.force()
