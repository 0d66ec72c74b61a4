"""Options of measuring a model file, with its prediction and its limit."""

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
    """How to measure a model file, and the tolerance."""

    tolerance: float = option(
        0.1,
        unit=FRACTION,
        help="allowed difference between measurement and prediction, as a fraction ({default})",
    )
    statistic: str | None = option(
        None,
        choices=STATISTICS,
        help="statistic of limit and prediction (default: the predictor's, else median)",
    )
    replicates: int = option(
        6, minimum=2, aliases=("--loads",), help="replicates, 2 or more for an interval ({default})"
    )
    rounds: int = option(
        30, minimum=1, aliases=("--passes",), help="rounds of each replicate ({default})"
    )
    seed: int = shared.seed("seed of orders, weights and inputs")
    force: bool = option(False, help="measure although the device is busy")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions(JudgingOptions):
    """How to measure a model file, and the target if there is no predictor.

    Example:
        >>> VerifyOptions(tolerance="5%").tolerance
        0.05
    """

    backend: str | None = option(None, metavar="B", help="runtime (default: the file's)")
    threads: int | None = option(
        None, minimum=1, help="threads, without --latency (1); a predictor has its own"
    )
    cores: str | None = option(
        None, metavar="N,N|any", help="cores, without --latency; a predictor has its own"
    )
    images: int | None = option(None, minimum=1, help="number of test images (default: all)")
    energy: bool = option(
        False,
        help="also measure energy per inference and peak memory; always with a search's limit on "
        "energy",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest(Options):
    """Request of a verification: file, device, prediction and limit.

    Example:
        >>> VerifyRequest(model="net.onnx", tries=5, every_s="10m").every_s
        600.0
    """

    model: Path = option(
        positional=True,
        metavar="MODEL",
        help="model file, from `ofabench export`; with --fleet also a folder with one for each "
        "device",
    )
    latency: Path | None = option(
        None,
        metavar="P.parquet",
        help="latency predictor, from `ofabench fit` (with --fleet also a folder of them); without "
        "it the file is only measured",
    )
    result: Path | None = option(
        None, metavar="R.json", help="search's result, for its latency limit"
    )
    pick: int | None = shared.pick()
    device: DeviceOptions = nested(DeviceOptions, defaults={"device": "cpu"})
    verify: VerifyOptions = nested(VerifyOptions)
    data: str | None = option(
        None,
        metavar="NAME|FOLDER",
        help="data set: also measure the file's accuracy on its test images",
    )
    keep: Path | None = option(
        None, metavar="SWEEP.sqlite", help="new sweep file to store every timing sample"
    )
    out: Path | None = option(
        None,
        metavar="V.json",
        help="also write the result as JSON; if the file has an earlier verification of the same, "
        "add this one to its repeats",
    )

    tries: int = option(
        1,
        minimum=1,
        help="number of measurements, each in a new process; MLPerf Mobile's rule needs 5 "
        "({default})",
    )
    every_s: float = option(
        SESSION_GAP_S,
        flag="--every",
        unit=SECONDS,
        metavar="5m",
        help="with --tries: shortest time from the end of one try to the start of the next (5m)",
    )

    def check(self) -> None:
        """Check that options fit together."""
        check_every(self.every_s)
        if self.tries == 1 and self.every_s != SESSION_GAP_S:
            raise InputError("--every is the time between --tries: give --tries 5 too")
        if self.tries > 1 and self.keep is not None:
            raise InputError("--keep stores the samples of one try: leave out --keep or --tries")
        if self.pick is not None and self.result is None:
            raise InputError("--pick chooses a network of --result; give both, or leave it out")
        check_target_options(self.verify, self.latency)


def check_target_options(options: VerifyOptions, predictor: object) -> None:
    """Raise `InputError` if threads or cores are given together with a predictor."""
    if predictor is not None and (options.threads, options.cores) != (None, None):
        raise InputError(
            "threads and cores are those of the predictor's target; leave out --threads and "
            "--cores, or leave out --latency to measure without a prediction"
        )
