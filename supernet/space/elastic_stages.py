"""Elastic stages: the choices that a space's TOML gives each, and the encoding of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.blocks.shape import ACTS
from supernet.space.codes import Column, Layout
from supernet.space.fields import Fields

_DEEPEST = 32  # blocks of a stage; what is more is a slip of the pen


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Choices of one elastic stage, as its table gives them."""

    width: int
    stride: int
    act: str
    se: bool
    depths: tuple[int, ...]
    kernels: tuple[int, ...]
    expands: tuple[float, ...]


def read_stage(table: Fields, kernels: tuple[int, ...] | None = None) -> Stage:
    """Read the table of a stage; `kernels` are those it has where it names none."""
    stage = Stage(
        width=table.integer("width"),
        stride=table.integer("stride"),
        act=table.text("act", allowed=ACTS),
        se=table.flag("se", default=False),
        depths=table.integers("depths", maximum=_DEEPEST),
        kernels=table.integers("kernels", odd=True, default=kernels),
        expands=table.numbers("expands"),
    )
    table.done()
    return stage


def layout_of(
    resolutions: Sequence[int],
    depths: Sequence[tuple[int, ...]],
    stages: Sequence[Stage],
    *,
    first_stage: int,
    widths: Sequence[tuple[float, ...]],
) -> Layout:
    """Columns of the encoding; the elastic stages have the depth columns from `first_stage` on."""
    slots = [(i, k) for i, s in enumerate(stages) for k in range(s.depths[-1])]
    expand_scale = _scale([e for s in stages for e in s.expands])
    width_scale = _scale([w for choices in widths for w in choices])
    columns = [Column(name="resolution", values=tuple(resolutions))]
    columns += [Column(name=f"d{i}", values=choices) for i, choices in enumerate(depths)]
    columns += [
        Column(name=f"ks{j}", values=stages[stage].kernels) for j, (stage, _) in enumerate(slots)
    ]
    columns += [
        Column(name=f"e{j}", values=_coded(stages[stage].expands, expand_scale))
        for j, (stage, _) in enumerate(slots)
    ]
    columns += [
        Column(name=f"w{j}", values=_coded(choices, width_scale))
        for j, choices in enumerate(widths)
    ]
    return Layout(
        columns=tuple(columns),
        slots=tuple((first_stage + stage, index) for stage, index in slots),
        depths=len(depths),
        widths=len(widths),
        expand_scale=expand_scale,
        width_scale=width_scale,
    )


def _scale(values: Sequence[float]) -> int:
    return 1 if all(float(value).is_integer() for value in values) else 100


def _coded(values: Sequence[float], scale: int) -> tuple[int, ...]:
    return tuple(round(value * scale) for value in values)
