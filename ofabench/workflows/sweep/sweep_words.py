"""What a sweep came to, in a few lines for people."""

from collections.abc import Iterator

from ofabench.workflows.sweep.swept import Sweep

UNRUNNABLE_SHOWN = 5


def sweep_lines(done: Sweep) -> Iterator[str]:
    """What was measured, how long it took, how well, and what was left out."""
    summary = done.summary
    yield f"{done.path}: {summary.blocks} blocks, {summary.networks} networks, {done.target.key}"
    yield f"time        {summary.wall_s:.0f} s, {summary.wall_s_per_block:.3f} s a block"
    yield (
        f"intervals   half-width {summary.median_half_width:.1%} in the median, "
        f"{summary.unsettled} never settled"
    )
    yield (
        f"passes      {summary.passes} in {summary.loads} loads, {summary.marked_passes} marked; "
        f"{summary.retaken_visits} visits retaken, {summary.disturbed_visits_kept} stay disturbed"
    )
    for key, reason in list(summary.unrunnable.items())[:UNRUNNABLE_SHOWN]:
        yield f"left out    {key}: {reason}"
    if len(summary.unrunnable) > UNRUNNABLE_SHOWN:
        yield f"left out    {len(summary.unrunnable) - UNRUNNABLE_SHOWN} more; see --json"
