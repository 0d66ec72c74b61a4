"""The encoding of the choices that a space's TOML gives its elastic stages."""

from collections.abc import Sequence

from supernet.space.codes import Column, Layout
from supernet.space.tables import Stage


def layout_of(
    resolutions: Sequence[int],
    depths: Sequence[tuple[int, ...]],
    stages: Sequence[Stage],
    *,
    first_stage: int,
    widths: Sequence[tuple[float, ...]],
) -> Layout:
    """Return the encoding; the elastic stages have the depth columns from `first_stage` on."""
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
