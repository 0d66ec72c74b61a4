"""An architecture as text, for people who point at a network."""

from collections.abc import Sequence
from typing import Any

from bench.errors import InputError, OfabenchError
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from ofabench.workflows.latency.networks import space_of
from ofabench.workflows.latency.stored_space import stored_space
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace

BREAK = "<br>"  # Plotly's own; every other letter that comes from a file is escaped


def in_words(space: SearchSpace | None, arch: ArchConfig) -> str:
    """Resolution, then a line a stage: how many blocks, their kernels, their expand ratios."""
    lines = [f"{arch.resolution} px", *_stages(space, arch)]
    if arch.widths:
        lines.append(f"width {_listed(arch.widths)}")
    return BREAK.join(lines)


def space_named(name: str | None) -> SearchSpace | None:
    """The shipped space, or that of the file; None where neither is available."""
    try:
        return None if name is None else SearchSpace.load(name)
    except OfabenchError:
        return None


def space_of_table(table: NetworksTable) -> SearchSpace | None:
    """The space that a networks table names or contains; None where it is not available."""
    try:
        return space_of(table, None)
    except OfabenchError:
        return None


def space_of_predictor(predictor: LatencyPredictor) -> SearchSpace | None:
    """The space that a predictor names or contains; None where it is not available."""
    try:
        return stored_space(predictor.provenance, "the predictor").space
    except OfabenchError:
        return None


def arch_of(data: Any) -> ArchConfig | None:
    """An architecture from JSON values; None where they are of something else."""
    try:
        return ArchConfig.from_json({k: v for k, v in dict(data).items() if k != "space"})
    except (InputError, TypeError, ValueError):
        return None


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
