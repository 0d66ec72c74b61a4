"""Prior costs of blocks: by one bottleneck or another, or as on another device.

A device is bound by launches, memory, dense or depthwise work, or by a mix of them; networks show
by which. Predictors of other devices are mixed with the same bottlenecks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from latency_models.networks.network_calibration import fit_robust
from latency_models.regression.features import PHYSICAL

Floats = NDArray[np.float64]

BOTTLENECKS = {
    "launches": ("launches",),
    "memory": ("bytes_in", "bytes_out", "bytes_inner"),
    "dense": ("macs_pointwise", "macs_spatial", "macs_linear"),
    "depthwise": ("macs_depthwise_3", "macs_depthwise_5", "macs_depthwise_7"),
}
STEPS = 4  # a mix is in quarters
FEATURES = "features"
MEAN = "mean of priors"
MIXED = (0.0, 0.25, 0.5)  # of a bottleneck, in a prior
ROWS_FOR_FEATURES = 40  # fewer networks do not determine as many costs
_LEAST_MS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorCosts:
    """Costs of blocks (m,) in ms, and their prior odds."""

    name: str
    costs_ms: Floats
    odds: float


def prior_costs(
    counts: Floats, physical: Floats, measured_ms: Floats, priors: Mapping[str, Floats]
) -> list[PriorCosts]:
    """Return all prior costs for networks of blocks, counts (n, m), scaled to latencies (n,).

    `physical` (m, PHYSICAL) is work by kind; `priors` are costs in ms on other devices (m,).
    """
    kinds = _per_network(counts, _bottlenecks(physical))
    groups = [{_name(mix): kinds @ np.array(mix) for mix in _mixes(np.any(kinds, axis=0).tolist())}]
    complete = {name: costs for name, costs in priors.items() if np.isfinite(costs).all()}
    if complete:
        elsewhere = _per_network(counts, np.column_stack(list(complete.values())))
        if len(complete) > 1:
            elsewhere = np.column_stack([elsewhere, elsewhere.mean(axis=1)])
        groups.append(_mixed([*complete, MEAN][: elsewhere.shape[1]], elsewhere, kinds))
    odds = [(name, costs, 1 / len(group)) for group in groups for name, costs in group.items()]
    if len(counts) >= ROWS_FOR_FEATURES:
        fitted = fit_features(counts, physical, measured_ms)
        # Costs that were fitted on the networks are likelier for that alone: by how much, the
        # Bayesian information criterion estimates.
        fair = ROWS_FOR_FEATURES ** (-np.count_nonzero(fitted) / 2)
        odds.append((FEATURES, physical @ fitted[:-1], fair / len(groups[0])))
    return [
        PriorCosts(name=name, costs_ms=_scaled(counts, costs, measured_ms), odds=odd)
        for name, costs, odd in odds
    ]


def fit_features(counts: Floats, physical: Floats, measured_ms: Floats) -> Floats:
    """Return non-negative costs of kinds of work, ms a unit, and an overhead, (PHYSICAL + 1,)."""
    return fit_robust(np.column_stack([counts @ physical, np.ones(len(counts))]), measured_ms)


def _bottlenecks(physical: Floats) -> Floats:
    columns = [[PHYSICAL.index(kind) for kind in kinds] for kinds in BOTTLENECKS.values()]
    return np.column_stack([physical[:, which].sum(axis=1) for which in columns])


def _mixes(present: Sequence[bool]) -> list[tuple[float, ...]]:
    """Mixes of the bottlenecks; `present` says of which there is work."""
    every = product(*(range(STEPS + 1) if kind else (0,) for kind in present))
    return [tuple(part / STEPS for part in mix) for mix in every if sum(mix) == STEPS]


def _name(mix: tuple[float, ...]) -> str:
    return " + ".join(
        f"{part:.0%} {name}" for part, name in zip(mix, BOTTLENECKS, strict=True) if part
    )


def _per_network(counts: Floats, costs: Floats) -> Floats:
    """Return costs (m, k) over their sum in a usual network."""
    usual = np.median(counts @ costs, axis=0)
    result: Floats = costs / np.where(usual > 0, usual, np.inf)
    return result


def _mixed(names: list[str], elsewhere: Floats, kinds: Floats) -> dict[str, Floats]:
    costs_of = {}
    for name, costs in zip(names, elsewhere.T, strict=True):
        costs_of[name] = costs
        for part, (place, kind) in product(MIXED[1:], enumerate(BOTTLENECKS)):
            if not kinds[:, place].any():
                continue
            costs_of[f"{name}, {part:.0%} {kind}"] = (1 - part) * costs + part * kinds[:, place]
    return costs_of


def _scaled(counts: Floats, costs: Floats, measured_ms: Floats) -> Floats:
    totals = np.maximum(counts @ costs, _LEAST_MS)
    result: Floats = np.maximum(costs * float(np.median(measured_ms / totals)), _LEAST_MS)
    return result
