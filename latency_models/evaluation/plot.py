"""Plots of predictions, with matplotlib, an optional dependency imported only here."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.files import write_atomically

_FORMATS = (".png", ".svg", ".pdf")


def plot_predictions(
    path: Path, predicted_ms: NDArray[np.float64], measured_ms: NDArray[np.float64], title: str
) -> None:
    """Draw predicted against measured latency with the bands of 5 % and 10 %."""
    if path.suffix not in _FORMATS:
        raise InputError(f"--plot {path} must end in one of {', '.join(_FORMATS)}")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    ends = np.array([min(measured_ms.min(), predicted_ms.min()), measured_ms.max()])
    ends[1] = max(ends[1], predicted_ms.max())
    for share, grey in ((0.10, "0.92"), (0.05, "0.82")):
        axes.fill_between(ends, ends * (1 - share), ends * (1 + share), color=grey, lw=0)
    axes.plot(ends, ends, color="0.4", lw=0.8)
    axes.plot(measured_ms, predicted_ms, ".", ms=4, alpha=0.6)
    axes.set(xlabel="measured, ms", ylabel="predicted, ms", title=title)

    def write(temporary: Path) -> None:
        figure.savefig(temporary, format=path.suffix[1:])

    write_atomically(path, write)
