"""An architecture as text, for people who point at a network."""

from collections.abc import Sequence

from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace

BREAK = "<br>"  # Plotly's own; every other letter that comes from a file is escaped


def in_words(space: SearchSpace | None, arch: ArchConfig) -> str:
    """Resolution, then a line a stage: how many blocks, their kernels, their expand ratios."""
    lines = [f"{arch.resolution} px", *_stages(space, arch)]
    if arch.widths:
        lines.append(f"width {_listed(arch.widths)}")
    return BREAK.join(lines)


def _stages(space: SearchSpace | None, arch: ArchConfig) -> list[str]:
    places = [place for place in space.unit_places.values() if place] if space else []
    if len(places) != len(arch.kernels):
        return [
            f"depths {_listed(arch.depths)}",
            f"kernels {_listed([k for k in arch.kernels if k])}",
            f"expands {_listed([e for e in arch.expands if e])}",
        ]
    lines = []
    for stage in sorted({place.stage for place in places}):
        here = [i for i, place in enumerate(places) if place.stage == stage and arch.kernels[i]]
        kernels = _listed([arch.kernels[i] for i in here])
        expands = _listed([arch.expands[i] for i in here])
        blocks = "1 block" if len(here) == 1 else f"{len(here)} blocks"
        lines.append(f"stage {stage + 1}: {blocks}, kernels {kernels}, expand {expands}")
    return lines


def _listed(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)
