"""README's picture: what the demo found under three latency limits, for light and dark pages.

    make demo
    python -m experiments.readme_picture runs/quickstart --out docs/images

Random sub-networks stand at their predicted latency, the found ones at the latency that was
measured of their files, with its 95 % interval. All accuracies are of one kind, as predicted for
validation images. `search-light.svg` and `search-dark.svg` are written.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import ofabench as ob
from bench.errors import OfabenchError
from bench.files import read_json, write_atomically

RANDOM, SEED = 600, 11
LIMITS = ("limit-1", "limit-2", "limit-3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """Colours of one picture: text and axes, random networks, found networks, limits."""

    text: str
    random: str
    found: str
    limit: str


THEMES = {
    "light": Colours(text="#24292f", random="#8c959f", found="#0969da", limit="#cf222e"),
    "dark": Colours(text="#e6edf3", random="#6e7681", found="#58a6ff", limit="#ff7b72"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A network of one limit: latencies in ms, `accuracy` predicted, a fraction."""

    limit_ms: float
    measured_ms: float
    interval_ms: tuple[float, float]
    accuracy: float

    @classmethod
    def read(cls, folder: Path, name: str) -> "Found":
        result: Mapping[str, Any] = read_json(folder / f"{name}.json")
        verified: Mapping[str, Any] = read_json(folder / f"{name}.verified.json")
        measured = verified["measured"]
        return cls(
            limit_ms=verified["limit_ms"],
            measured_ms=measured["ms"],
            interval_ms=(measured["low_ms"], measured["high_ms"]),
            accuracy=result["accuracy"],
        )


def main() -> int:
    """Draw both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what `ofabench quickstart` left")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), metavar="DIR")
    args = parser.parse_args()
    try:
        result = [Found.read(args.folder, name) for name in LIMITS]
        cloud = _random_networks(args.folder)
        for theme, colours in THEMES.items():
            path = args.out / f"search-{theme}.svg"
            _write(path, _drawn(cloud, result, colours))
            print(path)
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _random_networks(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predicted latencies in ms and accuracies of random sub-networks, (n,) each."""
    predictor = ob.load_predictor(folder / "latency.parquet")
    space = ob.load_space("tiny")
    archs = space.sample(np.random.default_rng(SEED), RANDOM)
    accuracy = ob.AccuracyPredictor.load(folder / "accuracy.parquet")
    return predictor.predict(archs).ms, accuracy.predict(space.encode(archs))


def _drawn(
    cloud: tuple[NDArray[np.float64], NDArray[np.float64]],
    networks: Sequence[Found],
    colours: Colours,
) -> Figure:
    figure = Figure(figsize=(7.6, 3.6), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.plot(
        cloud[0],
        100 * cloud[1],
        ".",
        ms=4,
        alpha=0.55,
        color=colours.random,
        label=f"{RANDOM} random sub-networks",
    )
    for number, network in enumerate(networks):
        axes.axvline(
            network.limit_ms,
            color=colours.limit,
            ls="--",
            lw=1,
            label="latency limit" if number == 0 else None,
        )
        axes.errorbar(
            network.measured_ms,
            100 * network.accuracy,
            xerr=[
                [network.measured_ms - network.interval_ms[0]],
                [network.interval_ms[1] - network.measured_ms],
            ],
            fmt="D",
            ms=7,
            color=colours.found,
            capsize=3,
            zorder=3,
            label="found for the limit, as measured" if number == 0 else None,
        )
    axes.set_xlabel("latency on this CPU, ms", color=colours.text)
    axes.set_ylabel("accuracy, predicted, %", color=colours.text)
    axes.tick_params(colors=colours.text)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(colours.text)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, labelcolor=colours.text)
    return figure


def _write(path: Path, figure: Figure) -> None:
    """Write the same bytes for the same picture: no date, ids that do not change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "ofabench", "svg.fonttype": "none"}):
        write_atomically(
            path, lambda temporary: figure.savefig(temporary, format="svg", metadata={"Date": None})
        )


if __name__ == "__main__":
    sys.exit(main())
