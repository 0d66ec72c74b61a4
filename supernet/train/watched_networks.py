"""Sub-networks whose accuracy is followed during a training."""

from collections.abc import Sequence

import numpy as np

from supernet.constraints.feasible import Limits, largest, smallest
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.sampling import PhaseSpace, Sampling
from supernet.train.schedule import Phase

LARGEST, SMALLEST, RANDOM = "largest", "smallest", "random"
_SEED = 0  # the same networks in every training of a space, so that curves can be compared


def watched_networks(
    space: SearchSpace, phases: Sequence[Phase], sampling: Sampling, random: int
) -> dict[str, ArchConfig]:
    """Return the largest, the smallest, and at most `random` random networks, by name.

    They are of the choices of the last phase, and within the limits of `sampling`: of the largest
    and the smallest only those that meet them. Random networks may have any resolution. Equal
    networks are returned once. Without phases there are none.
    """
    if not phases:
        return {}
    part = PhaseSpace(space, phases[-1])
    ends = {
        LARGEST: largest(part.layout, max(part.resolutions)),
        SMALLEST: smallest(part.layout, min(part.resolutions)),
    }
    met = Limits(sampling.limits).met(np.stack([*ends.values()]))
    named = [(name, code) for (name, code), kept in zip(ends.items(), met, strict=True) if kept]
    if random:
        draws = sampling.silent().within(part, phases[-1], last=True)
        codes = draws.plan(np.random.default_rng(_SEED), random, 1)[:, 0]
        named += [(f"{RANDOM} {number}", code) for number, code in enumerate(codes, start=1)]
    networks: dict[str, ArchConfig] = {}
    for name, code in named:
        (arch,) = space.decode(code[None])
        if arch not in networks.values():
            networks[name] = arch
    return networks
