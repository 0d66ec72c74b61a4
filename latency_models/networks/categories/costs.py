"""`CategoryCosts`: the fields of a predictor of categories, which its file holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.protocol.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryCosts:
    """What each category of each column adds to a latency, in ms.

    `costs_ms` has, by column, costs by category, which add up to the latency. `seen` are the
    categories that were measured, here or by a prior; the costs of the others are predicted from
    their column and name, and networks with any of those are extrapolated.
    """

    target: Target
    provenance: Mapping[str, Any]
    costs_ms: Mapping[str, Mapping[int, float]]
    seen: Mapping[str, frozenset[int]]
