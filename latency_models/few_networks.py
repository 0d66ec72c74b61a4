"""Costs of blocks told from whole networks alone, few or many, and from other devices' predictors.

A base comes first: non-negative costs of physical features, or another device's predictor scaled,
either with an overhead. What it misses is a Gaussian process (`robust_gp`): blocks that are alike
are missed alike (`similarity`), and so is work of one kind. Base and scales are chosen by what
networks say that are left out, so that ten networks move little and thousands much. The result is
one cost a block, and a network stays their sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bench.spec import BlockSpec
from latency_models.compose import fit_robust
from latency_models.features import PHYSICAL, feature_matrix
from latency_models.robust_gp import Posterior, solve
from latency_models.similarity import similarity

Floats = NDArray[np.float64]

# Relative standard deviations that are tried: of alike blocks' costs, of kinds of work, of noise.
ALIKE, WORK, NOISE = (0.03, 0.1, 0.3), (0.0, 0.06, 0.2), (0.01, 0.02, 0.04, 0.08)
FOLDS = 5
FEATURES = "features"
MOST_TO_CHOOSE = 300  # networks that scales are chosen on; a solution costs their cube
MOST_TO_FIT = 2000
_LEAST_MS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class FewFit:
    """`costs_ms` in a network by block; `coefficients` of `PHYSICAL` for blocks beyond those.

    `errors` are mean absolute relative errors of networks left out, by base; `base` is the chosen.
    """

    costs_ms: Mapping[BlockSpec, float]
    coefficients: Floats
    overhead_ms: float
    base: str
    errors: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """Networks as counts of blocks (n, m), their latencies (n,), and what is known of blocks."""

    counts: Floats
    measured_ms: Floats
    physical: Floats  # (m, PHYSICAL)
    alike: Floats  # (m, m)

    def rows(self, most: int) -> "_Data":
        """At most so many networks, evenly spread."""
        count = len(self.counts)
        return self.only(np.linspace(0, count - 1, min(most, count)).round().astype(int))

    def only(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "_Data":
        """Some of the networks."""
        return _Data(
            counts=self.counts[which],
            measured_ms=self.measured_ms[which],
            physical=self.physical,
            alike=self.alike,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    name: str
    costs_ms: Floats  # (m,)
    overhead_ms: float


def fit_few(
    networks: Sequence[Sequence[BlockSpec]],
    measured_ms: Floats,
    blocks: Sequence[BlockSpec] = (),
    priors: Mapping[str, Floats] | None = None,
) -> FewFit:
    """Fit on networks; costs are told for their blocks and for `blocks`.

    `priors` holds, by name, costs in ms on other devices of every block in `all_blocks`' order.
    """
    specs = all_blocks(networks, blocks)
    data = _data(networks, measured_ms, specs)
    few, told = data.rows(MOST_TO_CHOOSE), dict(priors or {})
    errors = {name: _left_out_error(few, name, told) for name in _names(told)}
    base = _base(data, min(errors, key=lambda name: errors[name]), told)
    scales = _scales(few, base)
    coefficients, _ = _physical_base(data)
    return FewFit(
        costs_ms=dict(zip(specs, _costs(data.rows(MOST_TO_FIT), base, scales), strict=True)),
        coefficients=coefficients,
        overhead_ms=base.overhead_ms,
        base=base.name,
        errors=tuple(errors.items()),
    )


def all_blocks(
    networks: Sequence[Sequence[BlockSpec]], blocks: Sequence[BlockSpec]
) -> list[BlockSpec]:
    """Every block once, in the order in which costs of priors are given."""
    return list(dict.fromkeys([*blocks, *(block for network in networks for block in network)]))


def _data(
    networks: Sequence[Sequence[BlockSpec]], measured_ms: Floats, specs: Sequence[BlockSpec]
) -> _Data:
    place = {spec: column for column, spec in enumerate(specs)}
    counts = np.zeros((len(networks), len(specs)))
    for row, network in enumerate(networks):
        np.add.at(counts[row], [place[block] for block in network], 1)
    return _Data(
        counts=counts,
        measured_ms=np.asarray(measured_ms, dtype=np.float64),
        physical=feature_matrix(specs, PHYSICAL),
        alike=similarity(specs, specs),
    )


def _names(priors: Mapping[str, Floats]) -> list[str]:
    """Bases that there are; a prior whose device could not run some block is none."""
    return [FEATURES, *(name for name, costs_ms in priors.items() if np.isfinite(costs_ms).all())]


def _base(data: _Data, name: str, priors: Mapping[str, Floats]) -> _Base:
    """Fit a base to networks."""
    if name == FEATURES:
        coefficients, overhead_ms = _physical_base(data)
        return _Base(name=name, costs_ms=data.physical @ coefficients, overhead_ms=overhead_ms)
    design = np.column_stack([data.counts @ priors[name], np.ones(len(data.counts))])
    scale, overhead_ms = fit_robust(design, data.measured_ms).tolist()
    return _Base(name=name, costs_ms=scale * priors[name], overhead_ms=overhead_ms)


def _physical_base(data: _Data) -> tuple[Floats, float]:
    design = np.column_stack([data.counts @ data.physical, np.ones(len(data.counts))])
    found = fit_robust(design, data.measured_ms)
    return found[:-1], float(found[-1])


def _left_out_error(data: _Data, name: str, priors: Mapping[str, Floats]) -> float:
    """Mean absolute relative error of networks that neither base nor scales were fitted on."""
    of_row = np.arange(len(data.counts)) % FOLDS
    errors = []
    for fold in range(min(FOLDS, len(of_row))):
        left, out = data.only(of_row != fold), data.only(of_row == fold)
        if not len(left.counts):
            return float("inf")
        base = _base(left, name, priors)
        costs_ms = _costs(left, base, _scales(left, base))
        predicted_ms = out.counts @ costs_ms + base.overhead_ms
        errors.append(np.abs(predicted_ms / out.measured_ms - 1))
    return float(np.mean(np.concatenate(errors)))


def _scales(data: _Data, base: _Base) -> tuple[float, float, float]:
    """Those under which each network is likeliest, given the others."""
    return max(
        product(ALIKE, WORK, NOISE),
        key=lambda scales: _posterior(data, base, scales)[0].evidence,
    )


def _posterior(
    data: _Data, base: _Base, scales: tuple[float, float, float]
) -> tuple[Posterior, Floats]:
    """What the networks say of the base's relative error, and the base's latencies (n,)."""
    alike, work, noise = scales
    base_ms, shares, amounts = _views(data, base)
    covariance = alike**2 * shares @ data.alike @ shares.T + work**2 * amounts @ amounts.T
    return solve(covariance, data.measured_ms / base_ms - 1, noise), base_ms


def _costs(data: _Data, base: _Base, scales: tuple[float, float, float]) -> Floats:
    """Cost of each block, ms (m,): the base's and what it missed."""
    alike, work, _ = scales
    found, _ = _posterior(data, base, scales)
    _, shares, amounts = _views(data, base)
    blocks_ms = np.maximum(base.costs_ms, _LEAST_MS)
    missed = alike**2 * blocks_ms * (data.alike @ (shares.T @ found.weights))
    per_unit = work**2 * (amounts.T @ found.weights)
    result: Floats = base.costs_ms + missed + (data.physical / _units(data)) @ per_unit
    return result


def _views(data: _Data, base: _Base) -> tuple[Floats, Floats, Floats]:
    """Base's latencies (n,), each block's share in them (n, m), work by kind over them (n, k)."""
    base_ms = np.maximum(data.counts @ base.costs_ms + base.overhead_ms, _LEAST_MS)
    shares = data.counts * np.maximum(base.costs_ms, _LEAST_MS) / base_ms[:, None]
    amounts = data.counts @ (data.physical / _units(data)) / base_ms[:, None]
    return base_ms, shares, amounts


def _units(data: _Data) -> Floats:
    """So much of each kind of work takes about an equal part of a usual network, per ms of it."""
    usual = (data.counts @ data.physical).mean(axis=0)
    usual_ms = float(np.median(data.measured_ms))
    whole: Floats = np.where(usual > 0, usual, 1.0) / usual_ms * np.sqrt(len(PHYSICAL))
    return whole
