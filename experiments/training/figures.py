"""Figures of experiments: differences of paired seeds, hypervolumes, and their tables."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.devices.cpu.host_facts import cpu_model
from supernet.data.dataset import score

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A mean over seeds, and half the width of its 95 % interval (Student's t over the seeds)."""

    mean: float
    half: float

    def __str__(self) -> str:
        return f"{100 * self.mean:+.2f} ± {100 * self.half:.2f}"


def difference(by_seed: Sequence[float]) -> Difference:
    """Mean of paired differences, one for each seed; an infinite interval for one seed."""
    values = np.asarray(by_seed, dtype=np.float64)
    if len(values) < 2:
        return Difference(mean=float(values.mean()), half=float("inf"))
    spread = float(values.std(ddof=1)) / np.sqrt(len(values))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * spread
    return Difference(mean=float(values.mean()), half=half)


def images_error(differences: Array, groups: Array) -> float:
    """Standard error of a mean difference (images,) from the images it was judged on."""
    return score(differences, groups).error


def hypervolume(limits_ms: Sequence[float], accuracy: Sequence[float], floor: float) -> float:
    """Area that networks within limits dominate, as a share of all above `floor`, in [0, 1].

    What is within a limit is within every later one, so accuracy is taken as rising. The area is
    that from the first limit to the last, each limit's accuracy reaching to the next; the last one
    counts as wide as the stretch before it.
    """
    reached = np.maximum.accumulate(np.asarray(accuracy, dtype=np.float64)) - floor
    widths = np.diff(np.asarray(limits_ms, dtype=np.float64))
    widths = np.append(widths, widths[-1])
    return float(np.sum(widths * np.maximum(reached, 0)) / np.sum(widths) / (1 - floor))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as a Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines)


def where_and_when() -> str:
    """Machine and date, as figures are to be given."""
    return f"{cpu_model() or platform.machine()}, {datetime.now(UTC):%Y-%m-%d}"
