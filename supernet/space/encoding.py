"""Convert between networks, rows of a networks table, and codes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InputError
from supernet.space.arch import ArchConfig
from supernet.space.codes import Codes, Layout

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 2**15 - 1  # codes are 16-bit integers


def encode(layout: Layout, archs: Sequence[ArchConfig], space: str) -> Codes:
    """Return canonical codes of `archs`; `InputError` names a choice that `space` lacks."""
    expected = (layout.depths, len(layout.slots), len(layout.slots), layout.widths)
    for arch in archs:
        lengths = (len(arch.depths), len(arch.kernels), len(arch.expands), len(arch.widths))
        if lengths != expected:
            raise InputError(
                f"a network of {space} has {expected} depths, kernels, expands and widths, "
                f"got {lengths}"
            )
    if not archs:
        return np.zeros((0, len(layout.columns)), dtype=np.int16)
    rows = [(a.resolution, *a.depths, *a.kernels, *a.expands, *a.widths) for a in archs]
    values = np.array(rows, dtype=np.float64)
    exact = values * layout.scales
    rounded = np.rint(np.clip(exact, -1, _LARGEST))
    # Values that need rounding are invalid: -1 fails the check, unless the block is absent.
    rounded[~(np.abs(rounded - exact) <= 1e-6)] = -1
    codes = rounded.astype(np.int16)
    layout.check(codes, space, given=values)
    return layout.canonical(codes)


def decode(layout: Layout, codes: Codes) -> list[ArchConfig]:
    """Return the networks of canonical codes."""
    kernels, expands = layout.groups
    columns = zip(
        codes[:, 0].tolist(),
        codes[:, 1 : layout.kernel_start].tolist(),
        codes[:, kernels].tolist(),
        _unscaled(codes[:, expands], layout.expand_scale),
        _unscaled(codes[:, layout.width_start :], layout.width_scale),
        strict=True,
    )
    return [
        ArchConfig(
            resolution=r, depths=tuple(d), kernels=tuple(k), expands=tuple(e), widths=tuple(w)
        )
        for r, d, k, e, w in columns
    ]


def codes_of_frame(layout: Layout, frame: "pd.DataFrame", space: str) -> Codes:
    """Return canonical codes of a networks table, for any numeric type of its columns.

    `InputError` names a missing column, or the row and column of a bad code.
    """
    from latency_models.tables.columns import cell_text, is_whole, numbers_of

    names = layout.names
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InputError(
            f"a networks table of {space} has the columns {', '.join(names[:3])}, ...; "
            f"{missing[0]!r} is missing"
        )
    values = np.column_stack([numbers_of(frame[name]) for name in names])
    wrong = ~is_whole(values)
    codes = np.clip(np.where(wrong, -1, values), -1, _LARGEST).astype(np.int16)
    # Choices of absent blocks are ignored: a table may leave them empty.
    present = layout.present(codes)
    for group in layout.groups:
        wrong[:, group] &= present
    if wrong.any():
        row, column = (int(indices[0]) for indices in np.nonzero(wrong))
        content = cell_text(frame, names[column], row)
        raise InputError(
            f"column {names[column]!r} is {content} in row {row}, expected a whole number"
        )
    layout.check(codes, space)
    return layout.canonical(codes)


def _unscaled(codes: Codes, scale: int) -> list[list[float]]:
    values: list[list[float]] = codes.tolist() if scale == 1 else (codes / scale).tolist()
    return values
