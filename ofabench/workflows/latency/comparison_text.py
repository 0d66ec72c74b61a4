"""Comparison of two latency tables as text and as JSON."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from latency_models.evaluation.compare import Comparison, MedianRatio

if TYPE_CHECKING:
    import pandas as pd

AS_PERCENT = 1.5  # larger ratios are printed as multiples
SHOWN = 10  # changed blocks


def factor(ratio: float) -> str:
    """Return a ratio as text: `+3.1 %`, or `2.4 times`."""
    if 1 / AS_PERCENT < ratio < AS_PERCENT:
        return f"{ratio - 1:+.1%}"
    return f"{ratio:.3g} times"


def interval(move: MedianRatio) -> str:
    """Return the 95 % interval in brackets, or nothing if there is none."""
    if math.isnan(move.low):
        return ""
    return f" (95 % interval {factor(move.low)} to {factor(move.high)})"


def verdict(comparison: Comparison) -> str:
    """Return the comparison in one line."""
    drift, corrected = _ratio_text(comparison), _corrected(comparison)
    if not comparison.tested:
        return f"{drift}; without intervals, changes of single blocks cannot be detected"
    count = len(comparison.moved)
    if not count and comparison.outside > comparison.expected + 3 * math.sqrt(comparison.expected):
        return (
            f"{drift}; no single block changed significantly, but {comparison.outside} are outside "
            f"their intervals, {comparison.expected:.0f} expected by chance: small changes"
        )
    if not count:
        return f"{drift}; {corrected}, no block changed significantly"
    kinds = ", ".join(str(kind) for kind in comparison.moved["kind"].value_counts().index[:3])
    worst = comparison.moved.iloc[0]
    return (
        f"{drift}; {corrected}, {count} of {comparison.tested} blocks changed ({kinds}), "
        f"most of all {worst['key']}: {factor(float(worst['beside']))}"
    )


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return JSON values; null for a missing figure."""
    return {
        "first": comparison.first.key,
        "second": comparison.second.key,
        "differences": comparison.differences(),
        "level": move_json(comparison.drift),
        "references": comparison.references,
        "rank_correlation": comparison.rank_correlation,
        "kinds": {kind: move_json(move) for kind, move in comparison.kinds.items()},
        "common": len(comparison.blocks),
        "tested": comparison.tested,
        "outside": comparison.outside,
        "expected_outside": comparison.expected,
        "moved": [clean(row) for row in comparison.moved.to_dict("records")],
        "only_first": list(comparison.only_first),
        "only_second": list(comparison.only_second),
        "verdict": verdict(comparison),
    }


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Yield the median ratio of all blocks and the changes of single blocks, as lines."""
    yield f"A          {comparison.first.key}"
    yield f"B          {comparison.second.key}"
    counts = f"{len(comparison.blocks)} in common"
    counts += f", {len(comparison.only_first)} only in A, {len(comparison.only_second)} only in B"
    yield f"blocks     {counts}"
    name = "drift" if comparison.of_one_runtime else "ratio"
    ratio = comparison.drift
    yield f"{name}      {factor(ratio.ratio)}{interval(ratio)}, B against A"
    if comparison.references is not None:
        yield f"references {factor(comparison.references)}"
    if comparison.rank_correlation is not None:
        yield f"ranks      correlation {comparison.rank_correlation:.3f} (Spearman)"
    yield f"{_corrected(comparison)}:"
    for kind, move in comparison.kinds.items():
        yield f"  {kind:<14}{move.blocks:>5}  {factor(move.ratio)}{interval(move)}"
    if not comparison.tested:
        yield "  no intervals from replicates: significant changes cannot be detected"
        return
    yield (
        f"  {comparison.outside} of {comparison.tested} blocks outside their 95 % intervals, "
        f"{comparison.expected:.0f} expected by chance; {len(comparison.moved)} changed "
        "significantly"
    )
    for row in rows_of(comparison.moved.head(SHOWN)):
        yield f"    {row.key}  {row.first_ms:.4g} to {row.second_ms:.4g} ms, {factor(row.beside)}"
    if len(comparison.moved) > SHOWN:
        yield f"    and {len(comparison.moved) - SHOWN} more, in --json and --out"


def rows_of(frame: "pd.DataFrame") -> Iterator[Any]:
    """Yield the rows of a frame as named tuples."""
    yield from frame.itertuples()


def _corrected(comparison: Comparison) -> str:
    """Return how the ratios of blocks are given: without the median ratio of all."""
    return "drift-corrected" if comparison.of_one_runtime else "without the median ratio"


def _ratio_text(comparison: Comparison) -> str:
    """Return the median ratio in words."""
    drift = comparison.drift
    if drift.low <= 1 <= drift.high:
        what = "drift" if comparison.of_one_runtime else "difference"
        return f"no {what} ({factor(drift.ratio)})"
    if not 1 / AS_PERCENT < drift.ratio < AS_PERCENT:
        return f"B takes {factor(drift.ratio)} as long as A"
    faster = "slower" if drift.ratio > 1 else "faster"
    return f"B is {abs(drift.ratio - 1):.1%} {faster} than A"


def move_json(move: MedianRatio) -> dict[str, Any]:
    """Return a median ratio as JSON values."""
    values = {"ratio": move.ratio, "low": move.low, "high": move.high, "blocks": move.blocks}
    return clean(values)


def clean(values: dict[Any, Any]) -> dict[str, Any]:
    """Return values with null in place of NaN."""
    return {
        str(name): None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
