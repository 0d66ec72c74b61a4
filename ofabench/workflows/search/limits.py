"""Limits on a network's costs, for `search` and `pareto`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from bench.blocks.weight_bytes import check_precision
from bench.digests import file_digest
from bench.errors import InputError
from latency_models.drift.limit_on import RAW
from ofabench.options.search import FLOAT32, HORIZON_S, LimitOptions
from ofabench.workflows.search.latencies import (
    LatencySource,
    check_distinct,
    energy_source,
    latency_source,
)

if TYPE_CHECKING:
    from latency_models.drift.margin import Margin
    from supernet.constraints.constraints import Constraint, Costs
    from supernet.space.shared_blocks import Position
    from supernet.space.space import SearchSpace

BYTES_A_VALUE = {"fp32": 4, "fp16": 2, "int8": 1}


class Limit(Protocol):
    """Limit on a network's cost, before the space is known."""

    def constraint(self, space: "SearchSpace", /) -> "Constraint":
        """Return the limit on encoded networks of a space."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyLimit:
    """A latency limit in ms on the device of a predictor; `latency_limit` makes it.

    `energy_limit` makes one in mJ, of a source with that unit.
    """

    source: LatencySource
    max_ms: float
    confidence: float | None = None
    horizon_s: float = HORIZON_S
    limit_on: str = RAW
    session_spread: float | None = None
    selection: float = 0.0

    @property
    def margin(self) -> "Margin | None":
        """Return the margin added to predictions; None without a confidence.

        `InputError` if the predictor does not know its error.
        """
        if self.confidence is None:
            return None
        from latency_models.predictors.margins import margin_of

        return margin_of(
            self.source.predictor,
            self.confidence,
            horizon_s=self.horizon_s,
            limit_on=self.limit_on,
            session_spread=self.session_spread,
            selection=self.selection,
        )

    @property
    def plain(self) -> "LatencyLimit":
        """The limit without a margin."""
        return LatencyLimit(source=self.source, max_ms=self.max_ms)

    def constraint(self, space: "SearchSpace", /) -> "Constraint":
        """Return the limit on encoded networks; `InputError` where the predictor cannot keep it."""
        from supernet.constraints.constraints import latency

        source = self.source
        return latency(
            space,
            source.predictor,
            self.max_ms,
            self.margin,
            name=source.key,
            unit=source.unit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedLimit:
    """A limit on a cost that follows from the blocks: MACs, parameters, peak memory, size."""

    name: str
    maximum: float
    unit: str
    costs: "Callable[[Sequence[Position]], Costs]"

    def constraint(self, space: "SearchSpace", /) -> "Constraint":
        """Return the limit on encoded networks."""
        from supernet.constraints.constraints import Constraint

        return Constraint(
            name=self.name, costs=self.costs(space.choices), limit=self.maximum, unit=self.unit
        )


def latency_limit(  # noqa: PLR0913 - a limit, and what its margin is for
    predictor: Any,
    max_ms: float | str,
    *,
    confidence: float | None = None,
    horizon: float | str = HORIZON_S,
    limit_on: str = RAW,
    session_spread: float | None = None,
) -> LatencyLimit:
    """Return a limit on the latency on one device; give several for several devices at once.

    Args:
        predictor: a latency predictor, or the file that `ofabench fit` wrote.
        max_ms: the limit in ms, or a text like `"30ms"`.
        confidence: the limit holds with this probability, as 0.95, in another measurement session:
            a margin for prediction error, scatter, drift and selection effect; None for the
            prediction alone.
        horizon: with a confidence: seconds, or a text like `"1h"`, after the last session of the
            predictor's drift log.
        limit_on: with a confidence: `"raw"` for the latency as measured, `"corrected"` for the
            drift-corrected one.
        session_spread: with a confidence: a relative standard deviation between sessions, as 0.02,
            in place of that of the drift log.

    Raises:
        InputError: a value is invalid.
        FileError: the file is no latency predictor.

    Example:
        >>> from tests.support.search_runs import TARGET, latency
        >>> latency_limit(latency("tiny", TARGET), "2ms").max_ms
        2.0
    """
    options = LimitOptions.read(
        {
            "max_latency_ms": [max_ms],
            "confidence": confidence,
            "horizon_s": horizon,
            "limit_on": limit_on,
            "session_spread": session_spread,
        }
    )
    return _latency(latency_source(predictor), options.max_latency_ms[0], options)


def energy_limit(  # noqa: PLR0913 - a limit, and what its margin is for
    predictor: Any,
    max_mj: float | str,
    *,
    confidence: float | None = None,
    horizon: float | str = HORIZON_S,
    limit_on: str = RAW,
    session_spread: float | None = None,
) -> LatencyLimit:
    """Return a limit on the energy of an inference on one device, without its idle power.

    Args:
        predictor: an energy predictor, or the file that `ofabench fit --energy` wrote.
        max_mj: the limit in mJ, or a text like `"800uJ"`.
        confidence: as of `latency_limit`. The drift of energies is not known: the margin has the
            drift of a device without a drift log.
        horizon: as of `latency_limit`.
        limit_on: as of `latency_limit`.
        session_spread: as of `latency_limit`.

    Raises:
        InputError: a value is invalid.
        FileError: the file is no energy predictor.

    Example:
        >>> from latency_models.predictors.energy import EnergyPredictor
        >>> from tests.support.search_runs import TARGET, latency
        >>> energy_limit(EnergyPredictor(costs=latency("tiny", TARGET)), "800uJ").max_ms
        0.8
    """
    options = LimitOptions.read(
        {
            "max_energy_mj": [max_mj],
            "confidence": confidence,
            "horizon_s": horizon,
            "limit_on": limit_on,
            "session_spread": session_spread,
        }
    )
    return _latency(energy_source(predictor), options.max_energy_mj[0], options)


def energy_limits(options: LimitOptions) -> list[LatencyLimit]:
    """Load the options' energy predictors; return a limit for each.

    Raises `InputError` if the counts differ, or if two predictors have the same target.
    """
    if len(options.energy) != len(options.max_energy_mj):
        raise InputError(
            f"got {len(options.energy)} --energy and {len(options.max_energy_mj)} --max-energy-mj, "
            "expected one limit for each"
        )
    sources = [energy_source(path) for path in options.energy]
    check_distinct(sources)
    return [
        _latency(source, limit_mj, options)
        for source, limit_mj in zip(sources, options.max_energy_mj, strict=True)
    ]


def macs_limit(max_macs: float | str) -> CountedLimit:
    """Return a limit on multiply-accumulates at batch 1.

    Args:
        max_macs: a number, or a text like `"300M"`.

    Raises:
        InputError: it is no number above 0.

    Example:
        >>> macs_limit("300M").maximum
        300000000.0
    """
    return _counted_limit("max_macs", max_macs, "MACs")


def params_limit(max_params: float | str) -> CountedLimit:
    """Return a limit on trainable parameters.

    Args:
        max_params: a number, or a text like `"5M"`.

    Raises:
        InputError: it is no number above 0.

    Example:
        >>> params_limit("5M").maximum
        5000000.0
    """
    return _counted_limit("max_params", max_params, "parameters")


def memory_limit(max_bytes: float | str, *, precision: str = FLOAT32) -> CountedLimit:
    """Return a limit on the peak memory of activations, at batch 1.

    Args:
        max_bytes: the limit in bytes, or a text like `"512Ki"`.
        precision: of activations, `fp32`, `fp16` or `int8`.

    Raises:
        InputError: it is no number above 0, or there is no such precision.

    Example:
        >>> memory_limit("512Ki", precision="int8").maximum
        524288.0
    """
    return _counted_limit("max_memory_bytes", max_bytes, "bytes", precision)


def size_limit(max_bytes: float | str, *, precision: str = FLOAT32) -> CountedLimit:
    """Return a limit on the weights in the file.

    Args:
        max_bytes: the limit in bytes, or a text like `"1.5M"`.
        precision: of weights, `fp32`, `fp16` or `int8`.

    Raises:
        InputError: it is no number above 0, or there is no such precision.

    Example:
        >>> size_limit("1.5M").maximum
        1500000.0
    """
    return _counted_limit("max_size_bytes", max_bytes, "bytes", precision)


def counted_limits(options: LimitOptions, precision: str = FLOAT32) -> list[CountedLimit]:
    """Return the options' limits on costs other than latency."""
    from supernet.constraints.static_costs import macs, model_size, params, peak_memory

    limits: list[tuple[str, float | None, str, Callable[[Sequence[Position]], Costs]]] = [
        ("macs", options.max_macs, "MACs", macs),
        ("params", options.max_params, "parameters", params),
    ]
    if options.max_memory_bytes is not None or options.max_size_bytes is not None:
        check_precision(precision)
        memory = partial(peak_memory, bytes_per_value=BYTES_A_VALUE[precision])
        limits += [
            ("peak memory", options.max_memory_bytes, "bytes", memory),
            (
                "model size",
                options.max_size_bytes,
                "bytes",
                partial(model_size, precision=precision),
            ),
        ]
    return [
        CountedLimit(name=name, maximum=maximum, unit=unit, costs=costs)
        for name, maximum, unit, costs in limits
        if maximum is not None
    ]


def _counted_limit(
    option: str, value: float | str, unit: str, precision: str = FLOAT32
) -> CountedLimit:
    """Return the limit of one option of `LimitOptions`."""
    limits = counted_limits(LimitOptions.read({option: value}), precision)
    if not limits:
        raise InputError(f"the limit is None, expected {unit} above 0")
    return limits[0]


def latency_limits(sources: Sequence[LatencySource], options: LimitOptions) -> list[LatencyLimit]:
    """Return a latency limit for each predictor; `InputError` if the counts differ."""
    limits_ms = options.max_latency_ms
    if len(sources) != len(limits_ms):
        raise InputError(
            f"got {len(sources)} --latency and {len(limits_ms)} --max-latency-ms, expected one "
            "limit for each"
        )
    return [
        _latency(source, limit_ms, options)
        for source, limit_ms in zip(sources, limits_ms, strict=True)
    ]


def strictest(constraints: Sequence[Any]) -> list[Any]:
    """Return constraints with one latency limit of each predictor: of several, the lowest.

    Limits whose margins differ all remain, and so do those of different predictors of one target.
    """
    result: list[Any] = []
    for constraint in constraints:
        same = next((i for i, other in enumerate(result) if _same_limit(constraint, other)), None)
        if same is None:
            result.append(constraint)
        elif constraint.max_ms < result[same].max_ms:
            result[same] = constraint
    return result


def _same_limit(one: Any, other: Any) -> bool:
    """Whether both are latency limits that differ in their milliseconds at most."""
    if not (isinstance(one, LatencyLimit) and isinstance(other, LatencyLimit)):
        return False
    predictors = one.source.predictor, other.source.predictor
    files = one.source.file, other.source.file
    same = predictors[0] is predictors[1] or (
        files[0] is not None
        and files[1] is not None
        and file_digest(files[0]) == file_digest(files[1])
    )
    return same and replace(one, source=other.source, max_ms=other.max_ms) == other


def limits_on(source: LatencySource, options: LimitOptions) -> list[LatencyLimit]:
    """Return the options' latency limits, all for the same predictor."""
    return [_latency(source, limit_ms, options) for limit_ms in options.max_latency_ms]


def _latency(source: LatencySource, limit_ms: float, options: LimitOptions) -> LatencyLimit:
    return LatencyLimit(
        source=source,
        max_ms=limit_ms,
        confidence=options.confidence,
        horizon_s=options.horizon_s,
        limit_on=options.limit_on,
        session_spread=options.session_spread,
    )
