"""Options of a drift log: how often the anchor networks of a sweep are measured again."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import SECONDS, Options, nested, option
from ofabench.options import shared
from ofabench.options.device import DeviceOptions
from ofabench.options.sessions import check_every


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftOptions(Options):
    """How often and for how long the anchors are measured; once if `every_s` is None.

    Example:
        >>> DriftOptions(every_s="10m", for_s="2h").for_s
        7200.0
    """

    every_s: float | None = option(
        None,
        flag="--every",
        unit=SECONDS,
        metavar="5m",
        help="repeat; time from the start of one session to the start of the next, at least 5m "
        "(default: one session)",
    )
    for_s: float | None = option(
        None,
        flag="--for",
        unit=SECONDS,
        metavar="2h",
        help="with --every: stop after this time (default: at Ctrl-C)",
    )
    force: bool = shared.force()

    def check(self) -> None:
        """Check the pause between sessions, and that --for comes with --every."""
        check_every(self.every_s)
        if self.for_s is not None and self.every_s is None:
            raise InputError("--for needs --every: give both, or leave --for out")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRequest(Options):
    """Request of a drift log: sweep, device, and repetitions."""

    sweep: Path = option(
        positional=True,
        metavar="SWEEP.sqlite|FOLDER",
        help="sweep, from `ofabench sweep`; with --fleet the folder of its sweeps",
    )
    device: DeviceOptions = nested(DeviceOptions, defaults={"device": "cpu"})
    drift: DriftOptions = nested(DriftOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPart(Options):
    """One session in a worker process."""

    sweep: Path = shared.out("SWEEP.sqlite")
    device: DeviceOptions = nested(DeviceOptions)
    force: bool = shared.force()
