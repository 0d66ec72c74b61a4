"""Networks from callers (architectures, codes, or tables), converted to codes."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latency_models.predictors.network_blocks import NetworkBlocks
    from latency_models.tables.networks import NetworksTable
    from supernet.space.space import SearchSpace

MANY = 100  # networks: from here on, arrays of all choices are faster
_LARGEST = 1 << 62  # largest whole number: beyond, int64 and float64 differ


def space_codes(networks: Any, space: "SearchSpace") -> "NDArray[np.int16]":
    """Return networks of a space as canonical codes (n, columns).

    Args:
        networks: an `ArchConfig`, several, whole numbers (n, columns) as `space.encode` gives
            them, or a pandas DataFrame or a `NetworksTable` with the space's columns.
        space: the space of the networks.

    Raises:
        InputError: they are something else, there is none, or they are not of the space.
    """
    from supernet.space.arch import ArchConfig

    if isinstance(networks, ArchConfig):
        return space.encode([networks])
    frame = frame_of(networks)
    if frame is not None:
        return _at_least_one(space.codes_of(frame))
    if isinstance(networks, np.ndarray):
        codes = _whole_numbers(networks, len(space.columns))
        codes = np.clip(codes, -1, np.iinfo(np.int16).max).astype(np.int16)
        space.check_codes(codes)
        return space.layout.canonical(codes)
    archs = list(networks) if isinstance(networks, Iterable) else [networks]
    if any(not isinstance(arch, ArchConfig) for arch in archs):
        wrong = next(arch for arch in archs if not isinstance(arch, ArchConfig))
        raise InputError(
            f"networks are {_kind(networks, wrong)}, expected ArchConfigs, an array "
            f"of codes of shape (networks, {len(space.columns)}), or a DataFrame with the columns "
            f"of {space.name}: {', '.join(space.columns[:3])}, ..."
        )
    return _at_least_one(space.encode(archs))


def blocks_of(space: "SearchSpace", codes: "NDArray[np.int16]") -> "NetworkBlocks":
    """Return the blocks of networks of a space from canonical codes (n, columns)."""
    if len(codes) < MANY:
        from latency_models.predictors.network_blocks import NetworkBlocks

        return NetworkBlocks.of([space.blocks(arch) for arch in space.decode(codes)])
    from latency_models.vectorized.blocks_of_codes import blocks_of_codes

    return blocks_of_codes(space.choices, codes)


def category_codes(networks: Any, columns: tuple[str, ...]) -> "NDArray[np.int64]":
    """Return rows of categories (n, columns).

    Args:
        networks: whole numbers (n, columns), or a pandas DataFrame or a `NetworksTable` with the
            columns.
        columns: names of the columns.

    Raises:
        InputError: they are something else, or there is none.
    """
    from latency_models.networks.categories.predictor import codes_of

    frame = frame_of(networks)
    if frame is not None:
        return codes_of(frame, columns)
    if isinstance(networks, np.ndarray):
        return _at_least_one(_whole_numbers(networks, len(columns)).astype(np.int64))
    raise InputError(
        f"networks are a {type(networks).__name__}, and the predictor is of categories: expected "
        f"an array of whole numbers of shape (networks, {len(columns)}), or a DataFrame "
        f"with the columns {', '.join(columns[:3])}, ..."
    )


def frame_of(networks: Any) -> Any:
    """Return the DataFrame of a networks table or the given one; else None."""
    import pandas as pd

    from latency_models.tables.networks import NetworksTable

    if isinstance(networks, NetworksTable):
        return networks.frame
    return networks if isinstance(networks, pd.DataFrame) else None


def as_networks_table(networks: Any) -> "NetworksTable":
    """Return a table of measured networks from a table, its file, or a DataFrame.

    Raises:
        InputError: it is something else.
        FileError: the file cannot be read, or holds something else.
    """
    import pandas as pd

    from latency_models.tables.networks import NetworksTable

    if isinstance(networks, NetworksTable):
        return networks
    if isinstance(networks, str | os.PathLike):
        return NetworksTable.load(Path(networks))
    if isinstance(networks, pd.DataFrame):
        return NetworksTable.of_frame(networks)
    raise InputError(
        f"measured networks are a {type(networks).__name__}, expected a NetworksTable, its "
        "file, or a DataFrame with a column of latencies whose name ends in _ms"
    )


def _whole_numbers(codes: "NDArray[Any]", columns: int) -> "NDArray[Any]":
    """Check that an array holds whole numbers and has so many columns."""
    if codes.ndim != 2 or codes.shape[1] != columns:
        raise InputError(
            f"codes have shape {codes.shape}, expected (networks, {columns}): a row a network"
        )
    if not np.issubdtype(codes.dtype, np.integer):
        raise InputError(f"codes are {codes.dtype}, expected whole numbers, as int16")
    if len(codes) and max(abs(int(codes.max())), abs(int(codes.min()))) >= _LARGEST:
        raise InputError(f"codes hold {int(codes.max())}, expected whole numbers below 2^62")
    return _at_least_one(codes)


def _at_least_one(codes: "NDArray[Any]") -> "NDArray[Any]":
    """Check that there is a network."""
    if not len(codes):
        raise InputError("got no network, expected at least one")
    return codes


def _kind(networks: Any, wrong: Any) -> str:
    """The type of an argument, in words."""
    if networks is wrong or not isinstance(networks, list | tuple):
        return f"a {type(networks).__name__}"
    return f"a {type(networks).__name__} of {type(wrong).__name__}"
