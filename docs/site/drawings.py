"""The drawings of `docs/explanation`: `python -m docs.site.drawings` writes docs/images/*.svg.

They are narrow, so that their text can be read on a phone, and of colours that show on a light page
and on a dark one.
"""

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

WIDTH = 440
GREY, FAINT = "#7d8494", "#7d849455"
COLOURS = ("#4c78d0", "#d1783c", "#3c9a6e", "#a76cc8", "#c2556b")
FOLDER = Path("docs/images")


class Point(NamedTuple):
    """A place in a drawing, in its units, from the left and from the top."""

    x: float
    y: float


def _text(at: Point, text: str, *, anchor: str = "start", colour: str = GREY) -> str:
    return f'<text x="{at.x:g}" y="{at.y:g}" text-anchor="{anchor}" fill="{colour}">{text}</text>'


def _box(at: Point, width: float, height: float, colour: str, *, filled: bool = True) -> str:
    paint = f'fill="{colour}"' if filled else f'fill="none" stroke="{colour}"'
    return f'<rect x="{at.x:g}" y="{at.y:g}" width="{width:g}" height="{height:g}" rx="2" {paint}/>'


def _line(points: Sequence[Point], colour: str, *, dashed: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="sans-serif" font-size="13">\n<title>{title}</title>\n{body}\n</svg>\n'
    )


def sweep() -> str:
    """Replicates of rounds of bursts."""
    order = random.Random(3)
    parts = []
    for replicate in range(2):
        top = 24 + replicate * 112
        parts += [
            _text(
                Point(0, top - 8),
                f"replicate {replicate + 1}: models, memory and order created afresh",
            ),
            _box(Point(0, top), WIDTH - 2, 78, FAINT, filled=False),
        ]
        for row in range(3):
            parts.append(_text(Point(10, top + 21 + row * 23), f"round {row + 1}"))
            for place, workload in enumerate(order.sample(range(5), 5)):
                at = Point(76 + place * 72, top + 8 + row * 23)
                parts.append(_box(at, 64, 17, COLOURS[workload]))
                label = _text(
                    Point(at.x + 32, at.y + 13), "ABCDE"[workload], anchor="middle", colour="#fff"
                )
                parts.append(label)
    top = 252
    parts += [_text(Point(0, top), "one burst of a workload: three inferences in a row")]
    for sample, (height, name) in enumerate([(64, "cold"), (38, "warm"), (36, "warm")]):
        at = Point(76 + sample * 72, top + 82 - height)
        parts.append(_box(at, 64, height, COLOURS[0]))
        parts.append(_text(Point(at.x + 32, top + 98), name, anchor="middle"))
    parts.append(_text(Point(68, top + 50), "time", anchor="end"))
    return _svg("Replicates of rounds of bursts", 360, parts)


def _drift_at(step: int) -> float:
    return 1 + 0.22 / (1 + math.exp(-(step - 22) / 2.5)) - 0.12 / (1 + math.exp(-(step - 42)))


def drift() -> str:
    """Latencies that move together, as measured and corrected."""
    noise = random.Random(5)
    levels, steps = (46.0, 74.0, 104.0), range(60)
    samples = [[level * noise.gauss(1, 0.012) for _ in steps] for level in levels]
    panels: tuple[tuple[str, Callable[[int], float]], ...] = (
        ("as measured: drift changes all workloads by the same factor", _drift_at),
        ("drift-corrected: divided by the drift of the round", lambda step: 1.0),
    )
    parts = []
    for panel, (title, factor) in enumerate(panels):
        bottom = 176 + panel * 190
        parts.append(_text(Point(0, bottom - 150), title))
        parts.append(_line([Point(8, bottom - 140), Point(8, bottom), Point(436, bottom)], FAINT))
        for values, colour in zip(samples, COLOURS, strict=False):
            points = [Point(14 + step * 7, bottom - values[step] * factor(step)) for step in steps]
            parts.append(_line(points, colour))
        parts.append(_text(Point(436, bottom + 16), "rounds", anchor="end"))
    return _svg("Drift of three workloads, as measured and corrected", 390, parts)


def _bell(centre: float, spread: float, height: float, bottom: float) -> list[Point]:
    places = [centre + spread * (step / 10) for step in range(-32, 33)]
    return [
        Point(x, bottom - height * math.exp(-(((x - centre) / spread) ** 2) / 2)) for x in places
    ]


def confidence() -> str:
    """A margin between the prediction and the limit."""
    bottom, prediction, limit = 190.0, 170.0, 272.0  # 1.645 standard deviations
    bell = _bell(prediction, 62, 130, bottom)
    above = [point for point in bell if point.x >= limit]
    tail = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*above, Point(above[0].x, bottom)])
    arrow = [Point(prediction, 36), Point(limit, 36)]
    parts = [
        _line([Point(0, bottom), Point(436, bottom)], FAINT),
        _line(bell, COLOURS[0]),
        f'<polygon points="{tail}" fill="{COLOURS[1]}"/>',
        _line([Point(limit, 20), Point(limit, bottom)], COLOURS[1], dashed=True),
        _line([Point(prediction, 20), Point(prediction, bottom)], COLOURS[0], dashed=True),
        _line(arrow, GREY),
        _text(Point((prediction + limit) / 2, 30), "margin", anchor="middle"),
        _text(Point(prediction, bottom + 18), "prediction", anchor="middle", colour=COLOURS[0]),
        _text(Point(limit, bottom + 18), "limit", anchor="middle", colour=COLOURS[1]),
        _text(Point(limit + 8, bottom - 34), "5 %: above", colour=COLOURS[1]),
        _text(Point(0, 60), "latency in a"),
        _text(Point(0, 78), "later session"),
    ]
    return _svg("The margin between prediction and limit", 216, parts)


def calibration() -> str:
    """From a network's blocks to its latency."""
    parts = []
    rows = (
        ("blocks, each measured by itself", (70, 52, 96, 60, 44), ()),
        ("the network: slope, overhead, corrections", (64, 46, 88, 57, 38), (26, 18)),
    )
    for row, (title, blocks, others) in enumerate(rows):
        top, left = 18 + row * 76, 0.0
        parts.append(_text(Point(0, top), title))
        for colour, width in zip(COLOURS, blocks, strict=True):
            parts.append(_box(Point(left, top + 10), width, 28, colour))
            left += width + 2
        for width in others:
            parts.append(_box(Point(left, top + 10), width, 28, GREY))
            left += width + 2
    return _svg("From the latencies of blocks to that of a network", 140, parts)


DRAWINGS = {
    "measuring-sweep": sweep,
    "measuring-drift": drift,
    "confidence-margin": confidence,
    "predicting-calibration": calibration,
}


def main() -> None:
    """Write all drawings."""
    for name, draw in DRAWINGS.items():
        (FOLDER / f"{name}.svg").write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
