"""Rows of blocks for charts, and summarised for notebooks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.blocks.spec import BlockSpec
from bench.notebook.html_table import rows_html

SUMMARY = ("min", "median", "max")


def blocks_with_macs(rows: pd.DataFrame, specs: Sequence[BlockSpec]) -> pd.DataFrame:
    """Return rows of a latency table with the columns `key` and `macs` of their blocks."""
    return rows.assign(key=[spec.key for spec in specs], macs=[spec.macs for spec in specs])


def by_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each kind of block the number of blocks and the spread of their latencies, ms."""
    kinds = rows.groupby("kind")["latency_ms"].agg(["count", *SUMMARY])
    return kinds.rename(columns={name: f"{name}_ms" for name in SUMMARY})


def interval_words(rows: pd.DataFrame) -> str:
    """Return how wide the 95 % intervals are; "" where the table has none."""
    width = (rows["high_ms"] - rows["low_ms"]) / 2 / rows["latency_ms"]
    if not width.notna().any():
        return ""
    return f"half-width {width.median():.1%} in the median, 95 %, from replicates"


def energy_words(rows: pd.DataFrame) -> str:
    """Return how many blocks have an energy, and its range in mJ; "" where none has."""
    known = rows["energy_mj"].dropna()
    if not len(known):
        return ""
    width = ((rows["energy_high_mj"] - rows["energy_low_mj"]) / 2 / rows["energy_mj"]).median()
    half = "" if np.isnan(width) else f", half-width {width:.1%} in the median"
    return f"{len(known)} blocks, {known.min():.4g} to {known.max():.4g} mJ{half}"


def blocks_html(title: object, rows: pd.DataFrame) -> str:
    """Return the summary by kind of block as an HTML table."""
    kinds = by_kind(rows)
    cells = [
        (str(kind), str(int(count)), *(f"{ms:.4g}" for ms in figures))
        for kind, count, *figures in kinds.itertuples()
    ]
    words = {"intervals": interval_words(rows), "energy": energy_words(rows)}
    return rows_html(
        ("kind", "blocks", *(f"{name}, ms" for name in SUMMARY)),
        cells,
        above=[str(title)],
        below=[f"{name}: {text}" for name, text in words.items() if text],
    )
