"""Options of measuring a model file and judging it by its prediction and its limit."""

from dataclasses import dataclass
from pathlib import Path

from bench.drift.log import SESSION_GAP_S
from bench.errors import InputError
from bench.options import SECONDS, Options, nested, option
from bench.timing.statistic import STATISTICS
from ofabench.options import shared
from ofabench.options.device import DeviceOptions
from ofabench.options.search import FRACTION
from ofabench.options.sessions import check_every


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingOptions(Options):
    """How a model file is measured and judged."""

    tolerance: float = option(
        0.1,
        unit=FRACTION,
        help="share of the prediction by which the measurement may differ ({default})",
    )
    statistic: str | None = option(
        None,
        choices=STATISTICS,
        help="what limit and prediction are of (default: what the predictor predicts, else median)",
    )
    replicates: int = option(6, minimum=1, aliases=("--loads",), help="as of a sweep ({default})")
    rounds: int = option(30, minimum=1, aliases=("--passes",), help="of each replicate ({default})")
    seed: int = shared.seed("of orders, weights and inputs")
    force: bool = option(False, help="measure though the device is busy")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions(JudgingOptions):
    """How a model file is measured and judged, and on what where no predictor says so.

    Example:
        >>> VerifyOptions(tolerance="5%").tolerance
        0.05
    """

    backend: str | None = option(None, metavar="B", help="default: what the file was made for")
    threads: int | None = option(None, minimum=1, help="without --latency, which says how many (1)")
    cores: str | None = option(None, metavar="N,N|any", help="without --latency, likewise")
    images: int | None = option(None, minimum=1, help="of the test (default: all)")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest(Options):
    """A whole verification in words: of which file, on which device, judged by what.

    Example:
        >>> VerifyRequest(model="net.onnx", tries=5, every_s="10m").every_s
        600.0
    """

    model: Path = option(positional=True, metavar="MODEL", help="from `ofabench export`")
    latency: Path | None = option(
        None,
        metavar="P.parquet",
        help="from `ofabench fit`; without it the file is only measured",
    )
    result: Path | None = option(None, metavar="R.json", help="the search's result, for its limits")
    pick: int | None = shared.pick()
    device: DeviceOptions = nested(DeviceOptions, defaults={"device": "cpu"})
    verify: VerifyOptions = nested(VerifyOptions)
    data: str | None = option(
        None, metavar="NAME|FOLDER", help="also judge the file on its test images"
    )
    keep: Path | None = option(None, metavar="SWEEP.sqlite", help="keep every sample")
    out: Path | None = option(
        None,
        metavar="V.json",
        help="write the result as JSON too; beside the first one where the file verifies the same",
    )

    tries: int = option(
        1,
        minimum=1,
        help="measure so often, each time in a new process; MLPerf Mobile's rule takes 5 "
        "({default})",
    )
    every_s: float = option(
        SESSION_GAP_S,
        flag="--every",
        unit=SECONDS,
        metavar="5m",
        help="with --tries: least time from the end of one to the start of the next (5m)",
    )

    def check(self) -> None:
        """See that what belongs together is given together."""
        check_every(self.every_s)
        if self.tries == 1 and self.every_s != SESSION_GAP_S:
            raise InputError("--every is the time between --tries: give --tries 5 too")
        if self.tries > 1 and self.keep is not None:
            raise InputError("--keep keeps the samples of one try: leave it out, or leave --tries")
        if self.pick is not None and self.result is None:
            raise InputError("--pick chooses a network of --result; give both, or leave it out")
        check_target_options(self.verify, self.latency)


def check_target_options(options: VerifyOptions, predictor: object) -> None:
    """Raise `InputError` where threads or cores are given beside a predictor, which has its own."""
    if predictor is not None and (options.threads, options.cores) != (None, None):
        raise InputError(
            "threads and cores are those of the predictor's target; leave out --threads and "
            "--cores, or leave out --latency to measure alone"
        )
