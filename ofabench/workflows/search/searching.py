"""Latency predictors from files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.workflows.search.latencies import load_sources

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor


def load_latencies(paths: Sequence[Path]) -> "list[LatencyPredictor]":
    """Load predictors; `InputError` where two are of one target."""
    return [source.predictor for source in load_sources(paths)]
