"""Assembles a report page: each section only where its input is given."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import FileError
from bench.sweep.store import SweepStore
from latency_models.tables.table import LatencyTable
from ofabench.report.blocks import block_sections, machine_sections
from ofabench.report.devices import device_sections
from ofabench.report.drawing import drawing_sections
from ofabench.report.front import front_sections
from ofabench.report.history import history_sections
from ofabench.report.inputs import ACCEPTED, Inputs, read_inputs
from ofabench.report.judged import judged_sections
from ofabench.report.page import Section, render
from ofabench.report.samples import sample_sections
from ofabench.report.training import training_sections
from ofabench.report.verified import verdict_sections

QUICKSTART = ("blocks.parquet", "latency.parquet", "judged.parquet", "accuracy.parquet")


def render_report(given: Sequence[Path]) -> tuple[str, Inputs]:
    """One HTML page of files and folders, and what was made of them."""
    inputs = read_inputs(given)
    _add_swept_tables(inputs)
    sections = sections_of(inputs)
    if not sections:
        raise FileError(
            f"{', '.join(map(str, given))}: nothing in it to draw yet: a predictor needs a "
            f"table of networks or another device's beside it; accepted is {ACCEPTED}"
        )
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return render("ofabench: a report", _lead(given, inputs), sections, f"made {now}"), inputs


def sections_of(inputs: Inputs) -> list[Section]:
    """Sections in the order of reading: results first, then why to believe them."""
    return [
        *verdict_sections(inputs),
        *front_sections(inputs),
        *drawing_sections(inputs),
        *history_sections(inputs),
        *judged_sections(inputs),
        *training_sections(inputs),
        *block_sections(inputs),
        *device_sections(inputs),
        *sample_sections(inputs),
        *machine_sections(inputs),
    ]


def _lead(given: Sequence[Path], inputs: Inputs) -> str:
    if len(given) == 1 and all((given[0] / name).exists() for name in QUICKSTART):
        return (
            "Blocks and some whole networks were timed on this machine, a latency predictor was "
            "fitted on them, and the most accurate sub-networks within three limits were searched, "
            "exported, measured and judged on images that nothing before had seen."
        )
    counts = {
        "sweep": len(inputs.sweeps),
        "latency table": len(inputs.tables),
        "table of networks": len(inputs.networks),
        "latency predictor": len(inputs.predictors),
        "accuracy predictor": len(inputs.accuracies),
        "search": len(inputs.searches),
        "verified network": len(inputs.outcomes),
        "training": len(inputs.logs),
    }
    told = [f"{n} {_plural(what, n)}" for what, n in counts.items() if n]
    return f"Made of {', '.join(told)}."


def _plural(what: str, count: int) -> str:
    if count == 1:
        return what
    if what == "search":
        return "searches"
    return what.replace("table of", "tables of") if "table of" in what else f"{what}s"


def _add_swept_tables(inputs: Inputs) -> None:
    """Make the table of a sweep whose target has none among what was given."""
    known = inputs.tables_by_target()
    for name, path in inputs.sweeps.items():
        with SweepStore.open(path) as store:
            if store.target.key in known:
                continue
            blocks = [one for one in store.measurements() if one.workload.role == "block"]
        if blocks:
            inputs.tables[f"{name}, blocks"] = LatencyTable.from_measurements(blocks)
