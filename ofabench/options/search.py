"""Options of a search, and limits on what a network may cost."""

from dataclasses import dataclass
from typing import Any

from bench.blocks.weight_bytes import PRECISIONS
from bench.errors import InputError
from bench.options import BYTES, COUNT, MILLISECONDS, SECONDS, Options, Unit, option
from latency_models.drift.limit_on import LIMITS_ON, RAW

STRATEGIES = ("evolution", "regularised", "random", "exhaustive")
FRONT_POINTS = 24
FLOAT32 = "fp32"
HORIZON_S = 86400.0
FRACTION = Unit(factors={"%": (1, 100)}, metavar="SHARE", above=0)


def latencies() -> Any:
    """Return the field `latency: tuple[Path, ...]`, of which each may have a limit."""
    return option(
        (),
        repeat=True,
        metavar="P.parquet",
        help="from `ofabench fit`; once for each device, each with its own --max-latency-ms",
    )


def precision() -> Any:
    """Return the field `precision: str`, that limits in bytes are for."""
    return option(
        FLOAT32,
        choices=PRECISIONS,
        help="of weights and activations, for limits in bytes ({default})",
    )


def allow_extrapolated(group: str | None = None) -> Any:
    """Return the field `allow_extrapolated: bool`, whether a predictor may guess."""
    return option(
        False,
        group=group,
        help="networks too with sizes, channels or kernels that were never measured",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions(Options):
    """What a network may cost.

    Example:
        >>> LimitOptions(max_macs="300M", max_size_bytes="1.5M").max_macs
        300000000.0
    """

    max_latency_ms: tuple[float, ...] = option(
        (), repeat=True, unit=MILLISECONDS, help="limit on the --latency of the same place"
    )
    confidence: float | None = option(
        None,
        unit=FRACTION,
        help="each latency limit holds with this probability, as 0.95, in another measurement "
        "session: a margin for prediction error, scatter, drift and the choosing itself",
    )
    horizon_s: float = option(
        HORIZON_S,
        flag="--horizon",
        unit=SECONDS,
        metavar="1d",
        help="with --confidence: how long after the last session of the drift log ({default})",
    )
    limit_on: str = option(
        RAW,
        choices=LIMITS_ON,
        help="with --confidence: latency limits are on what is measured, drift and all, or on "
        "the drift-corrected latency, where clocks are fixed ({default})",
    )
    session_spread: float | None = option(
        None,
        unit=FRACTION,
        minimum=0,
        help="with --confidence: a standard deviation between sessions, as 0.02, in place of what "
        "the drift log says",
    )
    max_macs: float | None = option(None, unit=COUNT, help="limit, e.g. 200e6 or 200M")
    max_params: float | None = option(None, unit=COUNT, help="limit, e.g. 5e6 or 5M")
    max_memory_bytes: float | None = option(
        None,
        unit=BYTES,
        help="limit on activations alive at once, at batch 1, e.g. 1.5M or 512Ki",
    )
    max_size_bytes: float | None = option(
        None, unit=BYTES, help="limit on the weights in the file, e.g. 20M"
    )

    def check(self) -> None:
        """See that what belongs to a latency limit is given with one."""
        if self.confidence is not None and not self.max_latency_ms:
            raise InputError("--confidence is of latency limits, and there is no --max-latency-ms")
        if self.confidence is not None:
            return
        if self.session_spread is not None:
            raise InputError("--session-spread is of the margin of --confidence: give that too")
        if (self.horizon_s, self.limit_on) != (HORIZON_S, RAW):
            raise InputError("--horizon and --limit-on are of --confidence: give that too")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions(Options):
    """How a search looks for networks, and until when.

    Example:
        >>> SearchOptions(seconds="2m", seed=7)
        SearchOptions(resolutions=None, strategy='evolution', seed=7, budget=None, seconds=120.0,\
 patience=None, points=24, allow_extrapolated=False)
    """

    resolutions: tuple[int, ...] | None = option(
        None, separator=",", minimum=1, metavar="R,...", help="only these sizes"
    )
    strategy: str = option(STRATEGIES[0], choices=STRATEGIES, help="default {default}")
    seed: int = option(0, minimum=0, metavar="SEED", help="equal seeds find equal networks")
    budget: int | None = option(None, minimum=1, help="networks to evaluate at most")
    seconds: float | None = option(
        None,
        unit=SECONDS,
        help="end after so long, like 90s or 5m; then the result depends on the machine too",
    )
    patience: int | None = option(None, minimum=1, help="end after so many batches in vain")
    points: int = option(FRONT_POINTS, minimum=1, help="networks of a front ({default})")
    allow_extrapolated: bool = allow_extrapolated()
