"""What a table holds, printed: latencies of blocks, or costs of categories."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.tables.table import LatencyTable


def run_show(args: argparse.Namespace) -> int:
    """Print what a table of either kind holds."""
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.tables.table import LatencyTable

    if _is_costs(args.table):
        _show_costs(CategoryPredictor.load(args.table), args)
        return 0
    table = LatencyTable.load(args.table)
    if args.json:
        told = {
            "target": table.target.to_json(),
            "provenance": dict(table.provenance),
            "blocks": len(table),
            "unsettled": int((~table.rows["settled"]).sum()),
            "kinds": table.rows["kind"].value_counts().sort_index().to_dict(),
            "sizes": sorted({spec.in_size for spec in table.specs}),
        }
        print(json.dumps(told))
    else:
        _print(table)
    return 0


def rows_of(path: Path) -> "pd.DataFrame":
    """Read the rows of either kind of table."""
    from latency_models.networks.categories.file import WHAT
    from latency_models.tables.storage import load_frame
    from latency_models.tables.table import LatencyTable

    return load_frame(path, what=WHAT)[0] if _is_costs(path) else LatencyTable.load(path).rows


def print_costs(costs: "CategoryPredictor", name: str) -> None:
    """Print size and gaps of a table of costs by category."""
    absent = costs.provenance.get("not_measured", [])
    count = sum(map(len, costs.costs_ms.values()))
    print(f"{name}: {count} categories of {costs.target.key}")
    print(f"  {len(costs.columns)} columns, {costs.columns[0]} to {costs.columns[-1]}")
    if absent:
        print(f"  {len(absent)} not measured: {', '.join(absent)}")


def _show_costs(costs: "CategoryPredictor", args: argparse.Namespace) -> None:
    import pandas as pd

    told = {
        "target": costs.target.to_json(),
        "provenance": dict(costs.provenance),
        "categories": sum(map(len, costs.costs_ms.values())),
        "columns": list(costs.columns),
    }
    if args.json:
        print(json.dumps(told))
        return
    print_costs(costs, str(args.table))
    rows = rows_of(args.table).assign(name=lambda rows: _names(rows["category"], costs))
    by_name = rows.groupby("name", sort=False)["cost_ms"]
    figures = {"min_ms": by_name.min(), "median_ms": by_name.median(), "max_ms": by_name.max()}
    print(pd.DataFrame(figures).to_string())


def _names(codes: "pd.Series[int]", costs: "CategoryPredictor") -> list[str]:
    """Names of categories where the source gave them, else their numbers."""
    known = dict(enumerate(costs.provenance.get("categories", [])))
    return [str(known.get(code, code)) for code in codes]


def _print(table: "LatencyTable") -> None:
    rows = table.rows
    print(f"target      {table.target.key}")
    for name, value in table.provenance.items():
        told = value
        if isinstance(value, dict):
            told = ", ".join(f"{key}={one}" for key, one in value.items() if one is not None)
        print(f"{name:<11} {told}")
    print(f"blocks      {len(rows)}, {int((~rows['settled']).sum())} of them never settled")
    width = (rows["high_ms"] - rows["low_ms"]) / 2 / rows["latency_ms"]
    if width.notna().any():
        print(f"intervals   half-width {width.median():.1%} in the median, 95 % of loads")
    by_kind = rows.groupby("kind")["latency_ms"].agg(["count", "min", "median", "max"])
    print(
        by_kind.rename(columns=lambda name: name if name == "count" else f"{name}_ms").to_string()
    )


def _is_costs(path: Path) -> bool:
    from latency_models.networks.categories.file import WHAT
    from latency_models.tables.storage import load_any_frame

    return bool(load_any_frame(path)[1].get("what") == WHAT)
