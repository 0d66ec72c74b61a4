"""Random networks of a space, as an architecture file."""

from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InputError
from ofabench.options.space import SpaceSampleOptions

if TYPE_CHECKING:
    from supernet.space.space import ArchConfig, Codes, SearchSpace

_FIRST_DRAW = 1024
_DRAWS_EACH = 1000  # at most so many draws for each wanted network


def sample_networks(options: SpaceSampleOptions) -> "tuple[SearchSpace, list[ArchConfig]]":
    """Return distinct random networks of a space, and the space."""
    from supernet.space.space import SearchSpace

    space = SearchSpace.load(options.space)
    if options.resolutions:
        space = space.with_resolutions(options.resolutions)
    return space, space.decode(distinct_networks(space, options.networks, options.seed))


def distinct_networks(space: "SearchSpace", n: int, seed: int) -> "Codes":
    """Draw `n` distinct networks, each choice uniform: codes (n, columns).

    A larger draw with the same seed begins with the smaller one. `InputError` if the space has
    fewer networks, or if too many draws would be needed.
    """
    available = space.count() * len(space.resolutions)
    if n > available:
        raise InputError(
            f"got --networks {n}, but {space.name} has only {available} distinct networks; ask for "
            "fewer"
        )
    rng = np.random.default_rng(seed)
    drawn = space.sample_codes(rng, _FIRST_DRAW)
    while len(chosen := _first_of_each(drawn)) < n:
        if len(drawn) > _DRAWS_EACH * n:
            raise InputError(
                f"{len(drawn)} draws gave {len(chosen)} distinct networks of {space.name}, which "
                f"has {available}; ask for fewer than {n}"
            )
        # Draws of fixed sizes, so that the networks do not depend on `n`.
        drawn = np.concatenate([drawn, space.sample_codes(rng, len(drawn))])
    return chosen[:n]


def _first_of_each(codes: "Codes") -> "Codes":
    _, first = np.unique(codes, axis=0, return_index=True)
    return np.asarray(codes[np.sort(first)])
