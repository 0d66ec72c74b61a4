"""Networks whose accuracy is followed: of the last phase's choices, and within its limits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from supernet.constraints.constraints import Constraint
from supernet.space.space import ArchConfig
from supernet.train.sampling import Sampling
from supernet.train.schedule import Schedule
from supernet.train.watched_networks import watched_networks
from tests.support.micro_supernets import MICRO


def networks(phase: str, sampling: Sampling | None = None, random: int = 3) -> dict[str, Any]:
    toml = f'name = "s"\nphases = [{{name = "all", epochs = 1, lr = 0.1, batch = 8{phase}}}]'
    phases = Schedule.from_toml(toml).phases
    return watched_networks(MICRO, phases, sampling or Sampling(), random)


def test_the_ends_of_the_space_and_random_networks_are_always_the_same() -> None:
    found = networks("")

    assert [*found] == ["largest", "smallest", "random 1", "random 2", "random 3"]
    assert (found["largest"], found["smallest"]) == (MICRO.largest(), MICRO.smallest())
    assert len({*found.values()}) == 5
    assert found == networks("")
    assert [*networks("", random=0)] == ["largest", "smallest"]


def test_the_smallest_is_that_of_the_last_phase() -> None:
    found = networks(", depths = 1, kernels = 1, resolutions = 1", random=8)

    assert found["smallest"].depths == MICRO.largest().depths
    assert {arch.resolution for arch in found.values()} == {12}


def test_a_phase_with_one_network_has_the_largest_alone() -> None:
    found = networks(", depths = 1, kernels = 1, expands = 1, resolutions = 1")

    assert found == {"largest": MICRO.largest()}


def test_all_are_within_the_limits() -> None:
    def macs(codes: NDArray[np.int16]) -> NDArray[np.float64]:
        return np.array([cost(arch) for arch in MICRO.decode(codes)], dtype=np.float64)

    def cost(arch: ArchConfig) -> int:
        return sum(block.macs for block in MICRO.blocks(arch))

    limit = cost(MICRO.largest()) / 2
    limits = (Constraint(name="MACs", unit="", limit=limit, costs=macs),)

    found = networks("", Sampling(limits=limits))

    assert [*found] == ["smallest", "random 1", "random 2", "random 3"]
    assert all(cost(arch) <= limit for arch in found.values())
