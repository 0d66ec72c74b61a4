"""Options of training a supernet."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import MILLISECONDS, option
from ofabench.options.running import RunningOptions

FOCUSES = ("best-up", "worst-up")
_LIMITS = "training under latency limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions(RunningOptions):
    """Schedule, seed, device, augmentation and latency limits of a training.

    Each latency limit applies to the predictor at the same position in `latency`.

    Example:
        >>> TrainOptions(schedule="digits", checkpoint_every_s="90s").checkpoint_every_s
        90.0
        >>> TrainOptions(latency=["p.parquet"], max_latency_ms=["800us"]).max_latency_ms
        (0.8,)
    """

    schedule: str = option(
        "digits-sandwich",
        metavar="NAME|FILE.toml",
        help="digits, digits-sandwich, head-first, ofa-2020, sandwich, or a file with your own "
        "phases ({default})",
    )
    init: Path | None = option(
        None,
        metavar="WEIGHTS",
        help="start a new training from the weights of this supernet, from `ofabench train` or "
        "`import-ofa`; classes and input channels of the space may differ (default: random "
        "weights). To continue an interrupted training, use --resume",
    )
    validation_networks: int = option(
        3,
        minimum=0,
        metavar="N",
        help="random networks whose validation accuracy is logged after each epoch, beside the "
        "largest and the smallest ({default}); always the same ones",
    )
    latency: tuple[Path, ...] = option(
        (),
        repeat=True,
        metavar="P.parquet",
        group=_LIMITS,
        help="latency predictor, from `ofabench fit`; once for each device, each with its own "
        "--max-latency-ms",
    )
    max_latency_ms: tuple[float, ...] = option(
        (),
        repeat=True,
        unit=MILLISECONDS,
        group=_LIMITS,
        help="train only sub-networks within this limit, for the --latency at the same position",
    )
    latency_focus: str | None = option(
        None,
        choices=FOCUSES,
        group=_LIMITS,
        help="among sub-networks with similar latency by the first --latency, train the best or "
        "the worst more often (AttentiveNAS), by the losses so far",
    )

    def check(self) -> None:
        """Check the device, and that each latency has a limit."""
        RunningOptions.check(self)  # `super()` does not work in a dataclass with slots
        predictors, limits, focus = len(self.latency), len(self.max_latency_ms), self.latency_focus
        if predictors != limits and not (focus and predictors == 1 and not limits):
            raise InputError(
                f"got {predictors} --latency and {limits} --max-latency-ms, expected one limit "
                "for each (none for one --latency with --latency-focus)"
            )
        if focus and not predictors:
            raise InputError(
                f"--latency-focus {focus} compares sub-networks by a --latency: give one"
            )
