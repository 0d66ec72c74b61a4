"""Latency by block, and facts of the device: sections for each latency table."""

import pandas as pd

from latency_models.tables.table import LatencyTable
from ofabench.report.architecture_text import short_target
from ofabench.report.figures import latency_against_macs
from ofabench.report.heat_map import latency_heat_map
from ofabench.report.inputs import Inputs
from ofabench.report.page import Section

LONGEST = 60  # letters of a fact; a list of CPU features is no reading


def block_sections(inputs: Inputs) -> list[Section]:
    """Heat map and latency over MACs, for the largest table of each target."""
    sections = []
    for table in inputs.tables_by_target().values():
        frame = _frame(table)
        heat = latency_heat_map(frame)
        where = short_target(table.target)
        if heat is not None:
            sections.append(
                Section(
                    title=f"Latency by kernel and expand ratio: {where}",
                    text="Milliseconds of each elastic block: a row a place in the network (size, "
                    "channels in and out, stride), a column a kernel (k) and expand ratio "
                    "(e). Blank was not measured.",
                    figure=heat,
                )
            )
        sections.append(
            Section(
                title=f"Latency by block: {where}",
                text=f"{len(table)} blocks of {table.target.key}: every one that multiplies, over "
                "its multiply-accumulates; bars are 95 % intervals from replicates.",
                figure=latency_against_macs(frame),
            )
        )
    return sections


def machine_sections(inputs: Inputs) -> list[Section]:
    """Facts of the devices, one column a target."""
    by_target = {
        key: facts
        for key, table in inputs.tables_by_target().items()
        if isinstance(facts := table.provenance.get("facts"), dict)
    }
    names = sorted({name for facts in by_target.values() for name in facts})
    if not names:
        return []
    rows = [
        {"fact": name, **{key: _told(facts.get(name)) for key, facts in by_target.items()}}
        for name in names
    ]
    targets = "; ".join(by_target)
    return [
        Section(
            title="What was measured on",
            text=f"Facts of the device when its table was measured. Targets: {targets}.",
            table=pd.DataFrame(rows),
        )
    ]


def _frame(table: LatencyTable) -> pd.DataFrame:
    frame = table.rows.copy()
    frame["key"] = [spec.key for spec in table.specs]
    frame["macs"] = [spec.macs for spec in table.specs]
    return frame


def _told(value: object) -> str:
    text = "unknown" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
