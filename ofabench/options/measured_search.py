"""Options of a search that measures its candidates on the device, iteration by iteration."""

from dataclasses import dataclass
from pathlib import Path

from bench.devices.android.phone.options import PhoneOptions
from bench.devices.cuda.options import CudaOptions
from bench.devices.ssh.options import SshOptions
from bench.errors import InputError
from bench.options import SECONDS, Options, nested, option
from bench.options.fields import own_fields
from ofabench.options import shared
from ofabench.options.device import DeviceOptions, first_given

DECIDING = 2  # times the replicates of an iteration


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuringOptions(Options):
    """How much and how long a search measures its candidates.

    Example:
        >>> MeasuringOptions(iterations=3, budget_s="5m").budget_s
        300.0
    """

    candidates: int = option(
        12, minimum=1, metavar="N", help="networks to measure in an iteration ({default})"
    )
    iterations: int = option(
        5, minimum=1, metavar="N", help="largest number of iterations ({default})"
    )
    budget_s: float | None = option(
        None,
        flag="--measure-budget",
        unit=SECONDS,
        metavar="5m",
        help="start no iteration that would exceed this measuring time",
    )
    tries: int = option(
        3,
        minimum=1,
        metavar="N",
        help="largest number of deciding measurements, until a network meets the limit ({default})",
    )
    replicates: int = option(
        3,
        flag="--measure-replicates",
        minimum=1,
        metavar="N",
        help="replicates of an iteration; the deciding measurement has twice as many ({default})",
    )
    rounds: int = option(
        10,
        flag="--measure-rounds",
        minimum=1,
        metavar="N",
        help="rounds of each replicate ({default})",
    )
    force: bool = shared.force()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSearchOptions(Options):
    """Device, options and folder of a search that measures."""

    device: str | None = option(
        None,
        flag="--measure-on",
        metavar="DEVICE",
        help="measure the best candidates on this device, correct the predictor and search again, "
        "until the best network is a measured one; a new process then decides",
    )
    measured: Path | None = option(
        None,
        metavar="FOLDER",
        help="folder for the measurements; the same command continues from them (default: next to "
        "--out)",
    )
    wait: bool = option(False, help="if another ofabench measures on the device, wait for its end")
    measuring: MeasuringOptions = nested(MeasuringOptions)
    phone: PhoneOptions = nested(PhoneOptions, group="phones (adb:...)")
    ssh: SshOptions = nested(SshOptions, group="boards and servers (ssh:...)")
    cuda: CudaOptions = nested(CudaOptions, group="NVIDIA GPUs (cuda:...)")

    def check(self) -> None:
        """Require --measure-on for options of measuring."""
        if self.device is not None:
            self.device_options.check()
            return
        flags = [
            *(["--measured"] if self.measured is not None else []),
            *(["--wait"] if self.wait else []),
            *filter(None, map(_first_flag, (self.measuring, self.phone, self.ssh, self.cuda))),
        ]
        if flags:
            raise InputError(f"{flags[0]} is for a search that measures: give --measure-on too")

    @property
    def device_options(self) -> DeviceOptions:
        """The device, with the options of its kind."""
        return DeviceOptions(
            device=self.device, wait=self.wait, phone=self.phone, ssh=self.ssh, cuda=self.cuda
        )


def _first_flag(options: Options) -> str | None:
    """The flag of the first option that differs from its default, or None."""
    name = first_given(options)
    if name is None:
        return None
    flags = own_fields(type(options))[name].flags
    return flags[0] if flags else f"--{name.replace('_', '-')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureLaidOut(Options):
    """A sweep's file with planned workloads, for a worker process."""

    sweep: Path = option(metavar="SWEEP.sqlite", help="file with the planned workloads")
    device: DeviceOptions = nested(DeviceOptions)
    force: bool = shared.force()
