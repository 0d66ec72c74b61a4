"""Result of a sweep in a few lines of text."""

from collections.abc import Iterator
from pathlib import Path

from bench.protocol.target import Target
from bench.sweep.summary import SweepSummary
from bench.timing.measurement import SETTLED_HALF_WIDTH

UNRUNNABLE_SHOWN = 5


def sweep_head(path: Path, target: Target, summary: SweepSummary) -> str:
    """Return what a sweep's file has measured, and on what."""
    return f"{path}: {summary.blocks} blocks, {summary.networks} networks, {target.key}"


def sweep_facts(summary: SweepSummary) -> Iterator[tuple[str, str]]:
    """Yield time, intervals, rounds and skipped workloads of a sweep, with their names."""
    yield "time", f"{summary.wall_s:.0f} s, {summary.wall_s_per_block:.3f} s a block"
    yield (
        "intervals",
        f"half-width {summary.median_half_width:.1%} in the median, "
        f"{summary.unsettled} wider than {SETTLED_HALF_WIDTH:.0%}",
    )
    yield (
        "rounds",
        f"{summary.rounds} in {summary.replicates} replicates, "
        f"{summary.disturbed_rounds} disturbed; {summary.repeated_bursts} bursts repeated, "
        f"{summary.disturbed_visits_kept} still disturbed",
    )
    if summary.energy_source:
        total = summary.blocks + summary.networks
        yield (
            "energy",
            f"{summary.energies} of {total} above the sensor's resolution, by "
            f"{summary.energy_source}",
        )
    elif summary.energy_reason:
        yield "energy", f"not measured: {summary.energy_reason}"
    for key, reason in list(summary.unrunnable.items())[:UNRUNNABLE_SHOWN]:
        yield "skipped", f"{key}: {reason}"
    if len(summary.unrunnable) > UNRUNNABLE_SHOWN:
        yield "skipped", f"{len(summary.unrunnable) - UNRUNNABLE_SHOWN} more; see --json"
