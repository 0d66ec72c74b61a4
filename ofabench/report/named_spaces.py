"""Spaces and architectures that files name."""

from typing import Any

from bench.errors import InputError, OfabenchError
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from ofabench.workflows.latency.networks import space_of
from ofabench.workflows.latency.stored_space import stored_space
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace


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
