"""Comparison of several latency tables as text and as JSON."""

import math
from collections.abc import Iterator
from typing import Any

from latency_models.evaluation.compare_targets import PairRanks, TargetsComparison
from ofabench.workflows.latency.comparison_text import clean, move_json, rows_of
from ofabench.workflows.text_table import text_table

SHOWN = 3  # blocks of each target that differ most
IN_JSON = 20


def targets_lines(comparison: TargetsComparison) -> Iterator[str]:
    """Yield the targets, ratios to the first, rank correlations, and largest differences."""
    width = max(map(len, comparison.targets))
    for label, target in comparison.targets.items():
        yield f"{label:<{width}}  {target.key}"
    yield ""
    yield f"median ratio to {comparison.first}"
    yield from text_table(ratio_rows(comparison), left=(0,))
    yield ""
    yield "rank correlation (Spearman)"
    yield from text_table([rank_row(pair) for pair in comparison.ranks])
    yield ""
    yield f"largest differences from the median ratio to {comparison.first}"
    yield from text_table(_difference_rows(comparison))


def targets_json(comparison: TargetsComparison) -> dict[str, Any]:
    """Return JSON values; null for a missing figure."""
    return {
        "first": comparison.first,
        "targets": {label: target.to_json() for label, target in comparison.targets.items()},
        "against_first": {
            label: {
                "common": len(each.blocks),
                "ratio": move_json(each.drift),
                "kinds": {
                    kind: {"ratio": each.drift.ratio * move.ratio, "blocks": move.blocks}
                    for kind, move in each.kinds.items()
                },
                "largest": [
                    clean(row)
                    for row in each.by_change.head(IN_JSON)[
                        ["key", "kind", "first_ms", "second_ms", "ratio", "beside"]
                    ].to_dict("records")
                ],
                "only_first": list(each.only_first),
                "only_second": list(each.only_second),
            }
            for label, each in comparison.against_first.items()
        },
        "rank_correlations": [
            {
                "first": pair.first,
                "second": pair.second,
                "blocks": pair.blocks,
                "spearman": pair.correlation,
            }
            for pair in comparison.ranks
        ],
    }


def ratio_text(ratio: float) -> str:
    """Return a ratio as text, or a dash for NaN."""
    return "-" if math.isnan(ratio) else f"{ratio:.3g}"


def correlation_text(correlation: float | None) -> str:
    """Return a rank correlation as text, or a dash."""
    return "-" if correlation is None else f"{correlation:.3f}"


def ratio_rows(comparison: TargetsComparison) -> list[list[str]]:
    """Return the median ratios as cells, headings first: a column a target."""
    ratios = comparison.ratios
    rows = [["", *ratios.columns]]
    counts = [str(len(each.blocks)) for each in comparison.against_first.values()]
    rows.append(["blocks in common", *counts])
    for name, row in ratios.iterrows():
        rows.append([str(name), *map(ratio_text, row)])
    return rows


def rank_row(pair: PairRanks) -> list[str]:
    """Return the names of a pair, and its rank correlation."""
    return [
        f"{pair.first}, {pair.second}",
        f"{correlation_text(pair.correlation)} on {pair.blocks} blocks",
    ]


def _difference_rows(comparison: TargetsComparison) -> list[list[str]]:
    return [
        [
            label,
            str(row.key),
            f"{row.first_ms:.4g} to {row.second_ms:.4g} ms, ratio {ratio_text(row.ratio)}",
        ]
        for label, each in comparison.against_first.items()
        for row in rows_of(each.by_change.head(SHOWN))
    ]
