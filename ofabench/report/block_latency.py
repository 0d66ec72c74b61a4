"""Latency by block, and facts of the device: sections for each latency table."""

import pandas as pd

from bench.charts.latency import latency_against_macs
from latency_models.tables.block_rows import blocks_with_macs
from ofabench.report.heat_map import common_scale, latency_heat_map
from ofabench.report.inputs import Inputs
from ofabench.report.names import Names
from ofabench.report.page import Chart, Section
from ofabench.report.tables import Column, Table, milliseconds

LONGEST = 60  # letters of a fact: lists of CPU features are cut
HEAT_COLUMN_PX = 58


def block_sections(inputs: Inputs, names: Names) -> list[Section]:
    """Heat map and latency over MACs, for the largest table of each target."""
    frames = {
        key: blocks_with_macs(table.rows, table.specs)
        for key, table in inputs.tables_by_target().items()
    }
    scale = common_scale(list(frames.values()))
    sections = []
    for number, (key, frame) in enumerate(frames.items(), start=1):
        where = names.place(key)
        heat = latency_heat_map(frame, scale)
        if heat is not None:
            shared = " Colours have the same scale for all targets." if len(frames) > 1 else ""
            width = 110 + HEAT_COLUMN_PX * len(heat.data[0].x)
            sections.append(
                Section(
                    title=f"Latency by kernel and expansion ratio{where}",
                    text="Milliseconds of each elastic block. A row is a place in the network: "
                    "input size, channels in and out, stride. A column is a kernel size (k) and "
                    f"an expansion ratio (e). Blank was not measured.{shared}",
                    charts=(Chart(figure=heat, least_width_px=width),),
                )
            )
        sections.append(
            Section(
                title=f"Latency by block{where}",
                text=f"{len(frame)} blocks over their MACs; bars are 95 % intervals from "
                "replicates. Blocks without multiplications are only in the table.",
                charts=(Chart(figure=latency_against_macs(frame)),),
                tables=(_blocks_table(frame, number),),
                tables_first=False,
            )
        )
    return sections


def device_facts_sections(inputs: Inputs, names: Names) -> list[Section]:
    """Facts of the devices, one column per target; facts that no device gives are left out."""
    by_target = {
        key: facts
        for key, table in inputs.tables_by_target().items()
        if isinstance(facts := table.provenance.get("facts"), dict)
    }
    known = {
        fact
        for facts in by_target.values()
        for fact, value in facts.items()
        if value is not None and value != ""
    }
    if not known:
        return []
    facts_column = [_words(fact) for fact in sorted(known)]
    columns = [Column(name="fact", values=facts_column, text=True)]
    for key, facts in by_target.items():
        values = [_short(facts.get(fact)) for fact in sorted(known)]
        columns.append(Column(name=names.target(key), values=values, text=True))
    keys = [*inputs.tables_by_target()]
    columns_of_keys = Table(
        name="targets",
        columns=(
            Column(name="target", values=[names.target(key) for key in keys], text=True),
            Column(name="key in files", values=keys, text=True),
        ),
    )
    return [
        Section(
            title="Device",
            text="Facts of the device when its table was measured, and the names that files use.",
            tables=(columns_of_keys, Table(name="device-facts", columns=tuple(columns))),
        )
    ]


def _blocks_table(frame: pd.DataFrame, number: int) -> Table:
    """Every block with its latency, interval and percentiles, energy and memory."""
    columns = [
        Column(name="block", values=frame["key"].tolist(), text=True),
        Column(name="MACs", values=frame["macs"].tolist(), show=lambda value: f"{value:,}"),
    ]
    headings = {
        "latency_ms": "latency, ms",
        "low_ms": "95 % low",
        "high_ms": "95 % high",
        "cold_ms": "cold, ms",
        "p90_ms": "p90, ms",
        "p99_ms": "p99, ms",
        "energy_mj": "energy, mJ",
        "energy_low_mj": "energy, 95 % low",
        "energy_high_mj": "energy, 95 % high",
        "energy_with_idle_mj": "energy with idle power, mJ",
    }
    for field, heading in headings.items():
        if field in frame and frame[field].notna().any():
            columns.append(Column(name=heading, values=frame[field].tolist(), show=milliseconds))
    if "peak_memory_bytes" in frame and frame["peak_memory_bytes"].notna().any():
        memory = frame["peak_memory_bytes"].tolist()
        columns.append(
            Column(name="peak memory, bytes", values=memory, show=lambda value: f"{value:,.0f}")
        )
    if "loads" in frame:
        columns.append(Column(name="replicates", values=frame["loads"].tolist()))
    return Table(
        name=f"blocks-{number}", columns=tuple(columns), summary=f"All {len(frame)} blocks"
    )


def _words(fact: str) -> str:
    return fact.replace("_", " ")


def _short(value: object) -> str | None:
    if value is None or value == "":
        return None
    text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
