"""Assembles a report page: each section only where its input is given."""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import FileError
from bench.sweep.store import SweepStore
from latency_models.tables.table import LatencyTable
from ofabench.report.accuracy_latency import front_sections
from ofabench.report.block_chart import block_chart_sections
from ofabench.report.block_latency import block_sections, device_facts_sections
from ofabench.report.device_comparison import device_sections
from ofabench.report.held_out import evaluated_predictors
from ofabench.report.inputs import ACCEPTED, Inputs, read_inputs
from ofabench.report.names import joined, names_of
from ofabench.report.page import Page, Section, render
from ofabench.report.prediction_quality import prediction_sections
from ofabench.report.samples_over_time import quality_sections, sample_sections, samples_by_sweep
from ofabench.report.search_history import history_sections
from ofabench.report.summary import page_title, summary_cards
from ofabench.report.training import training_sections
from ofabench.report.verified import deployment_sections, verdict_sections

COUNTED = {
    "sweeps": ("sweep", "sweeps"),
    "tables": ("latency table", "latency tables"),
    "networks": ("networks table", "networks tables"),
    "predictors": ("latency predictor", "latency predictors"),
    "accuracies": ("accuracy predictor", "accuracy predictors"),
    "searches": ("search", "searches"),
    "outcomes": ("measured network", "measured networks"),
    "deployments": ("deployment", "deployments"),
    "logs": ("training", "trainings"),
}


def render_report(given: Sequence[Path], out: Path | None = None) -> tuple[str, Inputs]:
    """One HTML page of files and folders, and what was recognised in them.

    `out` is where the page will be written, for the command that it shows.
    """
    inputs = read_inputs(given)
    lead = _lead(inputs)
    _add_swept_tables(inputs)
    page = page_of(inputs, lead, _commands(inputs, given, out))
    if not page.sections:
        raise FileError(
            f"{', '.join(map(str, given))}: nothing in it to draw yet: a predictor needs a "
            f"table of networks or another device's beside it; accepted is {ACCEPTED}"
        )
    return render(page), inputs


def page_of(inputs: Inputs, lead: str, commands: Sequence[str]) -> Page:
    """Sections in the order of reading: results first, then why to believe them."""
    names = names_of(inputs)
    evaluated, sweeps = evaluated_predictors(inputs), samples_by_sweep(inputs)
    made = datetime.now(UTC)
    sections: list[Section] = [
        *verdict_sections(inputs, names),
        *deployment_sections(inputs),
        *prediction_sections(inputs, names, evaluated),
        *quality_sections(sweeps),
        *front_sections(inputs, names),
        *block_chart_sections(inputs, names),
        *history_sections(inputs, names),
        *training_sections(inputs),
        *block_sections(inputs, names),
        *device_sections(inputs, names),
        *sample_sections(sweeps),
        *device_facts_sections(inputs, names),
    ]
    first = next(iter(evaluated.values()), {})
    return Page(
        title=page_title(inputs, names, made.strftime("%Y-%m-%d")),
        lead=lead,
        cards=summary_cards(inputs, names, first),
        sections=sections,
        commands=commands,
        foot=f"Made by ofabench on {made.strftime('%Y-%m-%d %H:%M UTC')}.",
    )


def _lead(inputs: Inputs) -> str:
    parts = []
    for field, (singular, plural) in COUNTED.items():
        count = len(getattr(inputs, field))
        if count:
            parts.append(f"{count} {singular if count == 1 else plural}")
    return f"Made of {joined(parts)}."


def _commands(inputs: Inputs, given: Sequence[Path], out: Path | None) -> list[str]:
    """The commands that were kept with the files, then the one that made the page."""
    kept = [command for commands in inputs.commands.values() for command in commands]
    own = shlex.join(["ofabench", "report", *map(str, given), "--out", str(out or "report.html")])
    return [*(command for command in kept if command.split()[1:2] != ["report"]), own]


def _add_swept_tables(inputs: Inputs) -> None:
    """Make the table of each sweep whose target has none among the given ones."""
    known = inputs.tables_by_target()
    for file, path in inputs.sweeps.items():
        with SweepStore.open(path) as store:
            if store.target.key in known:
                continue
            blocks = [each for each in store.measurements() if each.workload.role == "block"]
        if blocks:
            inputs.tables[f"{file}, blocks"] = LatencyTable.from_measurements(blocks)
