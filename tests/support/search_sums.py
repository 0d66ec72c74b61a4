"""Random sums over the choices of a space, and their best network by exhaustive search."""

import numpy as np
from numpy.typing import NDArray

from supernet.search.grid import Grid, GridSum, StageParts
from supernet.search.lagrangian_bound import Separable
from supernet.space.codes import Codes

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def random_parts(
    grid: Grid, rng: np.random.Generator, *, least: float = 0.0, plain: bool = False
) -> GridSum:
    """Draw shares between `least` and 1; `plain` ones depend on depth and option only."""
    widths = (grid.input_width, *(stage.output_width for stage in grid.stages))
    resolutions = len(grid.resolutions)

    def draw(*shape: int) -> Floats:
        return rng.uniform(least, 1.0, size=shape)

    stages = []
    for number, stage in enumerate(grid.stages):
        enters, leaves = (len(width.codes) for width in widths[number : number + 2])
        ahead = (1, 1, leaves) if plain else (resolutions, enters, leaves)
        blocks = (1, 1, 1) if plain else ahead
        stages.append(
            StageParts(
                depths=draw(*ahead, len(stage.depths)),
                blocks=draw(*blocks, *stage.options.shape[:2]),
            )
        )
    entry = draw(1 if plain else resolutions, len(grid.input_width.codes))
    return GridSum(base=draw(resolutions), entry=entry, stages=tuple(stages))


def total(grid: Grid, parts: GridSum, codes: Codes) -> Floats:
    """Return the sum for codes (n, columns): the shares of their choices, added one by one."""
    at, enter = _place(codes[:, 0], grid.resolutions), grid.input_width.indices(codes)
    result = parts.base[at] + _share(parts.entry, at, enter)
    for stage, of_stage in zip(grid.stages, parts.stages, strict=True):
        leave, depth = stage.output_width.indices(codes), codes[:, stage.column]
        widths = (at, enter, leave)
        result += _share(of_stage.depths, *widths, _place(depth, stage.depths))
        for block, columns in enumerate(zip(stage.kernels, stage.expands, strict=True)):
            same = (codes[:, None, list(columns)] == stage.options[block]).all(axis=2)
            own = _share(of_stage.blocks, *widths, np.full(len(codes), block), same.argmax(axis=1))
            result += np.where(depth > block, own, 0.0)
        enter = leave
    return result


def _place(values: Codes, among: Codes) -> Places:
    """Return the index of each value among those of its column."""
    return np.asarray((values[:, None] == among).argmax(axis=1))


def _share(values: Floats, *places: Places) -> Floats:
    """Return shares at indices along each axis; an axis of length 1 has one share for all."""
    at = tuple(np.minimum(p, n - 1) for p, n in zip(places, values.shape, strict=True))
    return np.asarray(values[at])


def best_by_trying(problem: Separable, codes: Codes) -> float | None:
    """Return the value of the best code within the limits; None where there is none."""
    values = total(problem.grid, problem.value, codes)
    within = np.ones(len(codes), dtype=np.bool_)
    for cost, limit in zip(problem.costs, problem.limits, strict=True):
        within &= total(problem.grid, cost, codes) <= limit * (1 + 1e-12)
    return float(values[within].max()) if within.any() else None
