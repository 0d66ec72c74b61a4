"""Options of a search, and limits on the costs of a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.blocks.weight_bytes import PRECISIONS
from bench.errors import InputError
from bench.options import BYTES, COUNT, MILLIJOULES, MILLISECONDS, SECONDS, Options, Unit, option
from latency_models.drift.limit_on import LIMITS_ON, RAW

STRATEGIES = ("evolution", "regularised", "random", "exhaustive")
FRONT_POINTS = 24
FLOAT32 = "fp32"
HORIZON_S = 86400.0
FRACTION = Unit(factors={"%": (1, 100)}, metavar="SHARE", above=0)


def latencies() -> Any:
    """Return the field `latency: tuple[Path, ...]`; each predictor may have a limit."""
    return option(
        (),
        repeat=True,
        metavar="P.parquet",
        help="latency predictor, from `ofabench fit`; once for each device, each with its own "
        "--max-latency-ms",
    )


def precision() -> Any:
    """Return the field `precision: str | None`, for limits in bytes."""
    return option(
        None,
        choices=PRECISIONS,
        help="precision of weights and activations, for limits in bytes (default: int8 with "
        f"--latency of int8 files, else {FLOAT32})",
    )


def allow_extrapolated(group: str | None = None) -> Any:
    """Return the field `allow_extrapolated: bool`, whether predictors may extrapolate."""
    return option(
        False,
        group=group,
        help="also allow networks with sizes, channels or kernels that were never measured",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions(Options):
    """Limits on the costs of a network.

    Example:
        >>> LimitOptions(max_macs="300M", max_size_bytes="1.5M").max_macs
        300000000.0
    """

    max_latency_ms: tuple[float, ...] = option(
        (), repeat=True, unit=MILLISECONDS, help="limit for the --latency at the same position"
    )
    energy: tuple[Path, ...] = option(
        (),
        repeat=True,
        metavar="E.parquet",
        help="energy predictor, from `ofabench fit --energy`; each with its own --max-energy-mj",
    )
    max_energy_mj: tuple[float, ...] = option(
        (),
        repeat=True,
        unit=MILLIJOULES,
        help="limit on the energy of an inference, without the idle device's power, for the "
        "--energy at the same position",
    )
    confidence: float | None = option(
        None,
        unit=FRACTION,
        help="probability, such as 0.95, that each limit on latency or energy holds in another "
        "measurement session: adds a margin for prediction error, scatter, drift and selection "
        "effect",
    )
    horizon_s: float = option(
        HORIZON_S,
        flag="--horizon",
        unit=SECONDS,
        metavar="1d",
        help="with --confidence: time after the last session of the drift log ({default})",
    )
    limit_on: str = option(
        RAW,
        choices=LIMITS_ON,
        help="with --confidence: latency limits apply to the latency as measured (raw), or to the "
        "drift-corrected latency, for fixed clocks ({default})",
    )
    session_spread: float | None = option(
        None,
        unit=FRACTION,
        minimum=0,
        help="with --confidence: relative standard deviation between sessions, such as 0.02, in "
        "place of the drift log's",
    )
    max_macs: float | None = option(
        None, unit=COUNT, help="limit on multiply-accumulates, e.g. 200e6 or 200M"
    )
    max_params: float | None = option(None, unit=COUNT, help="limit on parameters, e.g. 5e6 or 5M")
    max_memory_bytes: float | None = option(
        None,
        unit=BYTES,
        help="limit on the peak memory of activations, at batch 1, e.g. 1.5M or 512Ki",
    )
    max_size_bytes: float | None = option(
        None, unit=BYTES, help="limit on the weights in the file, e.g. 20M"
    )

    def check(self) -> None:
        """Require a limit for each energy predictor, and --confidence for its options."""
        if len(self.energy) > len(self.max_energy_mj):
            raise InputError(
                f"got {len(self.energy)} --energy and {len(self.max_energy_mj)} --max-energy-mj, "
                "expected one limit for each"
            )
        if self.confidence is not None:
            return
        if self.session_spread is not None:
            raise InputError("--session-spread is for the margin of --confidence: give that too")
        if (self.horizon_s, self.limit_on) != (HORIZON_S, RAW):
            raise InputError("--horizon and --limit-on are for --confidence: give that too")

    def check_confidence(self) -> None:
        """Raise `InputError` if there is a confidence and no latency limit, which it is for."""
        if self.confidence is not None and not (self.max_latency_ms or self.max_energy_mj):
            raise InputError(
                "--confidence is for limits on latency and energy, and there is no "
                "--max-latency-ms or --max-energy-mj"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions(Options):
    """Strategy, seed and budget of a search.

    Example:
        >>> SearchOptions(seconds="2m", seed=7)
        SearchOptions(resolutions=None, strategy='evolution', seed=7, budget=None, seconds=120.0,\
 patience=None, points=24, allow_extrapolated=False)
    """

    resolutions: tuple[int, ...] | None = option(
        None, separator=",", minimum=1, metavar="R,...", help="search only these resolutions"
    )
    strategy: str = option(STRATEGIES[0], choices=STRATEGIES, help="search strategy ({default})")
    seed: int = option(0, minimum=0, metavar="SEED", help="equal seeds give equal networks")
    budget: int | None = option(None, minimum=1, help="largest number of evaluated networks")
    seconds: float | None = option(
        None,
        unit=SECONDS,
        help="end after this time, e.g. 90s or 5m; the result then depends on the machine too",
    )
    patience: int | None = option(
        None, minimum=1, help="end after so many batches without improvement"
    )
    points: int = option(FRONT_POINTS, minimum=1, help="number of networks in a front ({default})")
    allow_extrapolated: bool = allow_extrapolated()
