"""Result of a sweep in a few lines of text."""

from collections.abc import Iterator

from bench.timing.measurement import SETTLED_HALF_WIDTH
from ofabench.workflows.sweep.sweep_result import Sweep

UNRUNNABLE_SHOWN = 5


def sweep_lines(sweep: Sweep) -> Iterator[str]:
    """Yield counts, time, intervals, rounds and skipped workloads of a sweep."""
    summary = sweep.summary
    yield f"{sweep.path}: {summary.blocks} blocks, {summary.networks} networks, {sweep.target.key}"
    yield f"time        {summary.wall_s:.0f} s, {summary.wall_s_per_block:.3f} s a block"
    yield (
        f"intervals   half-width {summary.median_half_width:.1%} in the median, "
        f"{summary.unsettled} wider than {SETTLED_HALF_WIDTH:.0%}"
    )
    yield (
        f"rounds      {summary.rounds} in {summary.replicates} replicates, "
        f"{summary.disturbed_rounds} disturbed; {summary.repeated_bursts} bursts repeated, "
        f"{summary.disturbed_visits_kept} still disturbed"
    )
    if summary.energy_source:
        total = summary.blocks + summary.networks
        yield (
            f"energy      of {summary.energies} of {total} above the sensor's resolution, by "
            f"{summary.energy_source}"
        )
    elif summary.energy_reason:
        yield f"energy      not measured: {summary.energy_reason}"
    for key, reason in list(summary.unrunnable.items())[:UNRUNNABLE_SHOWN]:
        yield f"skipped     {key}: {reason}"
    if len(summary.unrunnable) > UNRUNNABLE_SHOWN:
        yield f"skipped     {len(summary.unrunnable) - UNRUNNABLE_SHOWN} more; see --json"
