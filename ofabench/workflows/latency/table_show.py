"""Contents of a table as text and as JSON: latencies of blocks, or costs of categories."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency_models.drift.provenance import DRIFT

if TYPE_CHECKING:
    import pandas as pd

    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.tables.side_by_side import TargetsTable
    from latency_models.tables.table import LatencyTable

UNPRINTED = "space_toml"  # part of the provenance: a whole file


def open_table(path: Path) -> "LatencyTable | TargetsTable | CategoryPredictor":
    """Return the table in a file: latencies of blocks, or costs of categories.

    Raises:
        FileError: the file cannot be read, or holds something else.
    """
    from latency_models.networks.categories.file import WHAT
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.tables import side_by_side
    from latency_models.tables.side_by_side import TargetsTable
    from latency_models.tables.storage import kind_of
    from latency_models.tables.table import LatencyTable

    kind = kind_of(path)
    if kind == WHAT:
        return CategoryPredictor.load(path)
    return TargetsTable.load(path) if kind == side_by_side.WHAT else LatencyTable.load(path)


def table_json(table: "LatencyTable | TargetsTable | CategoryPredictor") -> dict[str, Any]:
    """Return target, provenance and size of a table as JSON values."""
    from latency_models.networks.categories.predictor import CategoryPredictor

    if not isinstance(table, CategoryPredictor):
        return table.to_dict()
    return {
        "target": table.target.to_json(),
        "provenance": dict(table.provenance),
        "categories": sum(map(len, table.costs_ms.values())),
        "columns": list(table.columns),
    }


def table_text(table: "LatencyTable | TargetsTable | CategoryPredictor", name: str) -> str:
    """Return the contents of a table as lines; `name` is its file's name."""
    from latency_models.tables.side_by_side import TargetsTable
    from latency_models.tables.table import LatencyTable

    if isinstance(table, TargetsTable):
        return "\n\n".join(map(_blocks_words, table.tables().values()))
    return _blocks_words(table) if isinstance(table, LatencyTable) else _costs_words(table, name)


def export_text(path: Path, format: str) -> str:
    """Return a table in another format.

    Args:
        path: the table's file; costs of categories are written as `csv` alone.
        format: `csv`, or `ofa` for OFA's look-up YAML.

    Raises:
        FileError: the file cannot be read, or holds something else.
    """
    if format == "csv":
        return open_table(path).frame.to_csv(index=False)
    from latency_models.formats.ofa import to_ofa
    from latency_models.tables.table import LatencyTable

    return to_ofa(LatencyTable.load(path))


def costs_head(costs: "CategoryPredictor", name: str) -> str:
    """Return size and missing categories of a table of costs, as lines."""
    absent = costs.provenance.get("not_measured", [])
    count = sum(map(len, costs.costs_ms.values()))
    lines = [
        f"{name}: {count} categories of {costs.target.key}",
        f"  {len(costs.columns)} columns, {costs.columns[0]} to {costs.columns[-1]}",
    ]
    if absent:
        lines.append(f"  {len(absent)} not measured: {', '.join(absent)}")
    return "\n".join(lines)


def _costs_words(costs: "CategoryPredictor", name: str) -> str:
    import pandas as pd

    rows = costs.frame.assign(name=lambda rows: _names(rows["category"], costs))
    by_name = rows.groupby("name", sort=False)["cost_ms"]
    figures = {"min_ms": by_name.min(), "median_ms": by_name.median(), "max_ms": by_name.max()}
    return f"{costs_head(costs, name)}\n{pd.DataFrame(figures).to_string()}"


def _names(codes: "pd.Series[int]", costs: "CategoryPredictor") -> list[str]:
    """Names of categories if the source has them, else their numbers."""
    known = dict(enumerate(costs.provenance.get("categories", [])))
    return [str(known.get(code, code)) for code in codes]


def _fact(name: str, value: Any) -> str:
    """A value of the provenance in one line; for a drift log only its length."""
    if name == DRIFT and isinstance(value, dict):
        anchors, sessions = (len(value.get(part, ())) for part in ("anchors", "sessions"))
        return f"{anchors} anchor networks, {sessions} measurement sessions"
    return str(value)


def _blocks_words(table: "LatencyTable") -> str:
    """The table first: what it was measured with follows below."""
    from latency_models.tables.block_rows import by_kind, energy_words, interval_words

    rows = table.rows
    lines = [
        f"target      {table.target.key}",
        by_kind(rows).to_string(),
        f"blocks      {len(rows)}, {int((~rows['settled']).sum())} of them with wide intervals",
    ]
    intervals = interval_words(rows)
    if intervals:
        lines.append(f"intervals   {intervals}")
    energy = energy_words(rows)
    if energy:
        lines.append(f"energy      {energy}")
    lines.append("")
    for name, value in table.provenance.items():
        if name == UNPRINTED:
            continue
        if isinstance(value, dict) and name != DRIFT:
            lines.append(name)
            lines += [f"  {key:<24} {item}" for key, item in value.items() if item is not None]
        else:
            lines.append(f"{name:<11} {_fact(name, value)}")
    return "\n".join(lines)
