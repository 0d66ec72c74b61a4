"""The model that a backend loads for a workload."""

from bench.blocks.model import Model, random_model
from bench.protocol.device import Workload


def workload_model(workload: Workload, seed: int = 0) -> Model:
    """Return a workload's blocks with random weights from `seed`, or the name of its file."""
    if workload.file:
        return Model((), (), file=workload.file)
    return random_model(workload.blocks, seed=seed)
