"""Two latency tables held against each other, in words and as JSON."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from latency_models.evaluation.compare import Comparison, Move

if TYPE_CHECKING:
    import pandas as pd

AS_PERCENT = 1.5  # larger factors are told as times
SHOWN = 10  # blocks that moved


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
    level = _level_words(found.level)
    if not found.tested:
        return f"{level}; single blocks cannot be told apart without intervals"
    count = len(found.moved)
    if not count and found.outside > found.expected + 3 * math.sqrt(found.expected):
        return (
            f"{level}; no single block moved for sure, but {found.outside} lie outside their "
            f"intervals where chance puts {found.expected:.0f}: small moves"
        )
    if not count:
        return f"{level}; beside it no block moved that chance does not explain"
    kinds = ", ".join(str(kind) for kind in found.moved["kind"].value_counts().index[:3])
    worst = found.moved.iloc[0]
    return (
        f"{level}; beside it {count} of {found.tested} blocks moved ({kinds}), "
        f"most {worst['key']}: {factor(float(worst['beside']))}"
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
    """What moved all blocks, and what moved beside it, in lines for a terminal."""
    yield f"A          {found.first.key}"
    yield f"B          {found.second.key}"
    counts = f"{len(found.blocks)} in common"
    counts += f", {len(found.only_first)} only in A, {len(found.only_second)} only in B"
    yield f"blocks     {counts}"
    yield f"level      {factor(found.level.ratio)}{interval(found.level)}, B against A"
    if found.references is not None:
        yield f"references {factor(found.references)}"
    yield "beside the level:"
    for kind, move in found.kinds.items():
        yield f"  {kind:<14}{move.blocks:>5}  {factor(move.ratio)}{interval(move)}"
    if not found.tested:
        yield "  the tables have no intervals from loads: which blocks moved cannot be told"
        return
    yield (
        f"  {found.outside} of {found.tested} blocks outside their 95 % intervals, "
        f"{found.expected:.0f} expected by chance; {len(found.moved)} moved for sure"
    )
    for row in rows_of(found.moved.head(SHOWN)):
        yield f"    {row.key}  {row.first_ms:.4g} to {row.second_ms:.4g} ms, {factor(row.beside)}"
    if len(found.moved) > SHOWN:
        yield f"    and {len(found.moved) - SHOWN} more, in --json and --out"


def rows_of(frame: "pd.DataFrame") -> Iterator[Any]:
    """Rows by the names of their columns."""
    yield from frame.itertuples()


def _level_words(level: Move) -> str:
    if level.low <= 1 <= level.high:
        return f"no common move ({factor(level.ratio)})"
    if not 1 / AS_PERCENT < level.ratio < AS_PERCENT:
        return f"B takes {factor(level.ratio)} what A takes"
    faster = "slower" if level.ratio > 1 else "faster"
    return f"B is {abs(level.ratio - 1):.1%} {faster} than A"


def _move(move: Move) -> dict[str, Any]:
    values = {"ratio": move.ratio, "low": move.low, "high": move.high, "blocks": move.blocks}
    return _clean(values)


def _clean(values: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(name): None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
