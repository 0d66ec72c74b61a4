"""The comparison of two latency tables as text and as JSON."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from latency_models.evaluation.compare import Comparison, Move

if TYPE_CHECKING:
    import pandas as pd

AS_PERCENT = 1.5  # larger factors are printed as times
SHOWN = 10  # changed blocks


def factor(ratio: float) -> str:
    """A factor as a person says it: `+3.1 %`, or `2.4 times`."""
    if 1 / AS_PERCENT < ratio < AS_PERCENT:
        return f"{ratio - 1:+.1%}"
    return f"{ratio:.3g} times"


def interval(move: Move) -> str:
    """Its 95 % interval in brackets; nothing where there is none."""
    if math.isnan(move.low):
        return ""
    return f" (95 % interval {factor(move.low)} to {factor(move.high)})"


def verdict(found: Comparison) -> str:
    """The comparison in a line."""
    drift = _drift_text(found.level)
    if not found.tested:
        return f"{drift}; without intervals, changes of single blocks cannot be detected"
    count = len(found.moved)
    if not count and found.outside > found.expected + 3 * math.sqrt(found.expected):
        return (
            f"{drift}; no single block changed significantly, but {found.outside} lie outside "
            f"their intervals where {found.expected:.0f} are expected by chance: small changes"
        )
    if not count:
        return f"{drift}; drift-corrected, no block changed significantly"
    kinds = ", ".join(str(kind) for kind in found.moved["kind"].value_counts().index[:3])
    worst = found.moved.iloc[0]
    return (
        f"{drift}; drift-corrected, {count} of {found.tested} blocks changed ({kinds}), "
        f"most of all {worst['key']}: {factor(float(worst['beside']))}"
    )


def to_json(found: Comparison) -> dict[str, Any]:
    """JSON values; null where there is no figure."""
    return {
        "first": found.first.key,
        "second": found.second.key,
        "differences": found.differences(),
        "level": _move(found.level),
        "references": found.references,
        "kinds": {kind: _move(move) for kind, move in found.kinds.items()},
        "common": len(found.blocks),
        "tested": found.tested,
        "outside": found.outside,
        "expected_outside": found.expected,
        "moved": [_clean(row) for row in found.moved.to_dict("records")],
        "only_first": list(found.only_first),
        "only_second": list(found.only_second),
        "verdict": verdict(found),
    }


def comparison_lines(found: Comparison) -> Iterator[str]:
    """The drift of all blocks, and the changes of single ones, in lines for a terminal."""
    yield f"A          {found.first.key}"
    yield f"B          {found.second.key}"
    counts = f"{len(found.blocks)} in common"
    counts += f", {len(found.only_first)} only in A, {len(found.only_second)} only in B"
    yield f"blocks     {counts}"
    yield f"drift      {factor(found.level.ratio)}{interval(found.level)}, B against A"
    if found.references is not None:
        yield f"references {factor(found.references)}"
    yield "drift-corrected:"
    for kind, move in found.kinds.items():
        yield f"  {kind:<14}{move.blocks:>5}  {factor(move.ratio)}{interval(move)}"
    if not found.tested:
        yield "  no intervals from replicates: significant changes cannot be detected"
        return
    yield (
        f"  {found.outside} of {found.tested} blocks outside their 95 % intervals, "
        f"{found.expected:.0f} expected by chance; {len(found.moved)} changed significantly"
    )
    for row in rows_of(found.moved.head(SHOWN)):
        yield f"    {row.key}  {row.first_ms:.4g} to {row.second_ms:.4g} ms, {factor(row.beside)}"
    if len(found.moved) > SHOWN:
        yield f"    and {len(found.moved) - SHOWN} more, in --json and --out"


def rows_of(frame: "pd.DataFrame") -> Iterator[Any]:
    """Rows by the names of their columns."""
    yield from frame.itertuples()


def _drift_text(drift: Move) -> str:
    if drift.low <= 1 <= drift.high:
        return f"no drift ({factor(drift.ratio)})"
    if not 1 / AS_PERCENT < drift.ratio < AS_PERCENT:
        return f"B takes {factor(drift.ratio)} as long as A"
    faster = "slower" if drift.ratio > 1 else "faster"
    return f"B is {abs(drift.ratio - 1):.1%} {faster} than A"


def _move(move: Move) -> dict[str, Any]:
    values = {"ratio": move.ratio, "low": move.low, "high": move.high, "blocks": move.blocks}
    return _clean(values)


def _clean(values: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(name): None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
