"""Few-shot fits: costs of blocks from whole networks alone, and other devices' predictors.

A base comes first (`bases`): one bottleneck or another, physical features, another device. What it
misses is a Gaussian process (`robust_gp`): blocks that are alike are missed alike (`similarity`),
and so is work of one kind. Bases and scales are weighed by their evidence (`blend`), so that ten
networks move little and thousands much. Ridge on blocks or a constant takes the place of all that
where it misses networks left out by surely less (`plain`). The result is one cost a block, and a
network stays their sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.networks.prior_costs import Base, bases, fit_features
from latency_models.regression.features import PHYSICAL, feature_matrix
from latency_models.regression.hyperparameters import Likelihood
from latency_models.regression.model_averaging import Explanation, Rows, blend, grid_of, level_of
from latency_models.regression.plain import CONSTANT, better_plain
from latency_models.regression.similarity import similarity

Floats = NDArray[np.float64]

# Relative standard deviations that are tried: of alike blocks' costs, of kinds of work, of noise;
# and how many times wider noise is on the slow side.
ALIKE, WORK = (0.0, 0.03, 0.1, 0.2), (0.0, 0.06, 0.2)
NOISE, SKEW = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16), (1.0, 4.0)
# What is open before any network is asked: the level of a base, and an overhead.
_LEVEL, _OVERHEAD = 0.2, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotFit:
    """`costs_ms` in a network by block; `coefficients` of `PHYSICAL` for blocks beyond those.

    `base` is the likeliest; `errors` holds the mean absolute relative error of networks that the
    scales, but not the costs, were fitted on.
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

    @property
    def usual_ms(self) -> float:
        return float(np.median(self.measured_ms))

    @property
    def per_unit_ms(self) -> Floats:
        """Work of each block (m, PHYSICAL), in ms if each kind took an equal part of a network."""
        usual = (self.counts @ self.physical).mean(axis=0)
        units = np.where(usual > 0, usual, 1.0) / self.usual_ms * np.sqrt(len(PHYSICAL))
        result: Floats = self.physical / units
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """Networks as one base sees them: (n,) in ms, blocks' shares (n, m), work (n, k), overhead."""

    base_ms: Floats
    shares: Floats
    amounts: Floats
    overhead: Floats  # (n,), a usual latency over the base's


def fit_few(
    networks: Sequence[Sequence[BlockSpec]],
    measured_ms: Floats,
    blocks: Sequence[BlockSpec] = (),
    priors: Mapping[str, Floats] | None = None,
) -> FewShotFit:
    """Fit on networks; costs are told for their blocks and for `blocks`.

    `priors` holds, by name, costs in ms on other devices of every block in `all_blocks`' order; one
    whose device could not run some block (infinite) is passed over.
    """
    specs = all_blocks(networks, blocks)
    data = _data(networks, measured_ms, specs)
    told = bases(data.counts, data.physical, data.measured_ms, priors or {})
    work = data.per_unit_ms
    rows, explanations = blend(
        lambda place, which: _problem(data, told[place], work, which),
        len(told),
        len(data.counts),
        grid_of(ALIKE, WORK, NOISE, SKEW),
    )
    blended = _blended(data, told, work, rows, explanations)
    likeliest = told[max(explanations, key=lambda one: one.share).candidate]
    name, (costs_ms, overhead_ms, left_out_ms) = _weighed(data, likeliest, rows, blended)
    level = level_of(data.measured_ms[rows], left_out_ms)
    error = float(np.mean(np.abs(level * left_out_ms / data.measured_ms[rows] - 1)))
    features = fit_features(data.counts, data.physical, data.measured_ms)[:-1]
    return FewShotFit(
        costs_ms=dict(zip(specs, (level * costs_ms).tolist(), strict=True)),
        coefficients=0 * features if name == CONSTANT else features,
        overhead_ms=level * overhead_ms,
        base=name,
        errors=((name, error),),
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


def _view(data: _Data, base: Base, work: Floats, rows: Rows) -> _View:
    counts = data.counts[rows]
    base_ms = counts @ base.costs_ms
    return _View(
        base_ms=base_ms,
        shares=counts * base.costs_ms / base_ms[:, None],
        amounts=counts @ work / base_ms[:, None],
        overhead=data.usual_ms / base_ms,
    )


def _problem(data: _Data, base: Base, work: Floats, rows: Rows) -> Likelihood:
    view = _view(data, base, work, rows)
    alike = view.shares @ data.alike @ view.shares.T
    overhead = np.outer(view.overhead, view.overhead)
    return Likelihood(
        values=data.measured_ms[rows] / view.base_ms - 1,
        fixed=_LEVEL**2 + _OVERHEAD**2 * overhead,
        parts=np.stack([alike, view.amounts @ view.amounts.T]),
        log_odds=float(np.log(base.odds) - np.log(view.base_ms).sum()),
    )


def _weighed(
    data: _Data, base: Base, rows: Rows, blended: tuple[Floats, float, Floats]
) -> tuple[str, tuple[Floats, float, Floats]]:
    """The name of what is kept, and the like of `_blended`.

    That is the blend, or a constant, or ridge on the blocks' counts, where one of these misses
    networks left out by surely less. Ridge is beside a free multiple of the base: a block that no
    network has costs that.
    """
    counts, measured, usual = data.counts[rows], data.measured_ms[rows], data.usual_ms
    amount = _BASE_FREE * (counts @ base.costs_ms) / usual
    matrix = np.column_stack([counts, amount])
    plain = better_plain(
        matrix, measured / usual, (measured - blended[2]) / usual, measured / usual
    )
    if plain is None:
        return base.name, blended
    multiple = _BASE_FREE * plain.coefficients[-1]
    costs_ms = multiple * base.costs_ms + usual * plain.coefficients[:-1]
    left_out_ms = np.maximum(measured - usual * plain.left_out, _SMALLEST_PART * measured)
    name = plain.name if plain.name == CONSTANT else f"{base.name}, {plain.name}"
    return name, (costs_ms, usual * plain.intercept, left_out_ms)


def _blended(
    data: _Data, told: Sequence[Base], work: Floats, rows: Rows, explanations: Sequence[Explanation]
) -> tuple[Floats, float, Floats]:
    """Costs (m,) and overhead in ms, and what the rows' latencies are when left out, (n,)."""
    costs_ms, overhead_ms = np.zeros(data.counts.shape[1]), 0.0
    left_out_ms = np.zeros(len(rows))
    for place in sorted({one.candidate for one in explanations}):
        base, view = told[place], _view(data, told[place], work, rows)
        own = [one for one in explanations if one.candidate == place]
        share = sum(one.share for one in own)
        alike, kinds = (
            sum(
                (one.share * one.scales[part] ** 2 * one.weights for one in own),
                np.zeros(len(rows)),
            )
            for part in (0, 1)
        )
        total = sum((one.share * one.weights for one in own), np.zeros(len(rows)))
        relative = share + _LEVEL**2 * total.sum() + data.alike @ (view.shares.T @ alike)
        costs_ms += base.costs_ms * relative + work @ (view.amounts.T @ kinds)
        overhead_ms += _OVERHEAD**2 * float(view.overhead @ total) * data.usual_ms
        missed = sum((one.share * one.left_out for one in own), np.zeros(len(rows)))
        left_out_ms += share * data.measured_ms[rows] - missed * view.base_ms
    return costs_ms, overhead_ms, np.maximum(left_out_ms, _SMALLEST_PART * data.measured_ms[rows])


_BASE_FREE = 10.0  # how much less ridge's penalty minds the base than a block
_SMALLEST_PART = 0.1  # of a latency: a left-out prediction below that has no logarithm to speak of
