"""Samples over time: a sweep's drift, its disturbances, and what is left of the scatter."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bench.charts.samples_over_time import MOST_POINTS, drift_figure
from bench.sweep.sweep_samples import SweepSamples, read_samples
from ofabench.report.inputs import Inputs
from ofabench.report.page import Chart, Section
from ofabench.report.tables import Column, Table, percent, signed_percent

MOST_DRAWN = 4  # sweeps; of more, the longest
QUIET_SPREAD = 0.1  # of residuals: a sweep above it is marked red


def samples_by_sweep(inputs: Inputs) -> dict[str, SweepSamples]:
    """Samples of the sweeps that have a finished replicate, by file."""
    read = {file: read_samples(path) for file, path in inputs.sweeps.items()}
    return {file: samples for file, samples in read.items() if samples is not None}


def quality_sections(sweeps: Mapping[str, SweepSamples]) -> list[Section]:
    """A table of all sweeps."""
    if not sweeps:
        return []
    return [
        Section(
            title="Sweep quality",
            text="How quiet the machine was while the samples were taken: disturbed bursts, which "
            "were repeated, drift between rounds, and what remains drift-corrected: 90 % of the "
            "bursts lie within the residual of their own median.",
            tables=(_overview(sweeps),),
        )
    ]


def sample_sections(sweeps: Mapping[str, SweepSamples]) -> list[Section]:
    """A chart of each of the longest sweeps."""
    longest = sorted(sweeps, key=lambda file: -len(sweeps[file]))[:MOST_DRAWN]
    words = sweep_words(sweeps)
    return [_section(words[file], sweeps[file]) for file in sweeps if file in longest]


def _section(name: str, samples: SweepSamples) -> Section:
    text = (
        f"{len(samples)} rounds in {samples.replicates} replicates (alternately shaded). Top: "
        "drift of the whole machine in each round, and that of the two reference workloads. "
        "Middle: disturbed bursts. Bottom: drift-corrected deviations of blocks and networks from "
        "their own medians."
    )
    if len(samples) > MOST_POINTS:
        text += f" Neighbouring rounds are drawn as medians, {MOST_POINTS} points in all."
    return Section(
        title=f"Samples over time: {name}",
        text=text,
        charts=(Chart(figure=drift_figure(samples)),),
    )


def sweep_words(sweeps: Mapping[str, SweepSamples]) -> dict[str, str]:
    """What each sweep measured, in words; with its file where two measured as much."""
    words = {file: _content(samples) for file, samples in sweeps.items()}
    counts = Counter(words.values())
    return {file: f"{name} ({file})" if counts[name] > 1 else name for file, name in words.items()}


def _content(samples: SweepSamples) -> str:
    counts = {"block": samples.blocks, "network": samples.networks}
    parts = [
        f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count
    ]
    return " and ".join(parts) or "reference workloads"


def _overview(sweeps: Mapping[str, SweepSamples]) -> Table:
    every = [*sweeps.values()]
    spreads = [each.spread for each in every]
    still = [int(each.disturbed.sum()) for each in every]

    def count(name: str, values: Sequence[int], group: str = "") -> Column:
        return Column(name=name, group=group, values=values, show=lambda value: f"{value:,}")

    columns = (
        Column(name="sweep", values=[*sweep_words(sweeps).values()], text=True),
        Column(name="file", values=[*sweeps], text=True, where="file"),
        count("replicates", [each.replicates for each in every]),
        count("rounds", [len(each) for each in every]),
        count("bursts", [each.bursts for each in every]),
        count("repeated", [int(each.repeated.sum()) for each in every], "disturbed bursts"),
        Column(
            name="still disturbed",
            group="disturbed bursts",
            values=still,
            verdicts=[count == 0 for count in still],
        ),
        count("disturbed rounds", [int(each.disagrees.sum()) for each in every]),
        Column(name="lowest", group="drift", values=[float(each.drift.min()) - 1 for each in every],
               show=signed_percent),
        Column(name="highest", group="drift",
               values=[float(each.drift.max()) - 1 for each in every], show=signed_percent),
        Column(
            name="residual, 90 %",
            values=spreads,
            show=lambda value: f"±{percent(value)}",
            verdicts=[spread <= QUIET_SPREAD for spread in spreads],
        ),
    )  # fmt: skip
    return Table(name="sweep-quality", columns=columns)
