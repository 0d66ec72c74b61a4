"""Few-shot fits: costs of blocks from whole networks alone, with other devices as priors.

Prior costs come first (`prior_costs`): one bottleneck or another, physical features, another
device. The residuals are a Gaussian process with heavy-tailed noise (`variance_components`,
`robust_gp`): similar blocks have similar residuals, and so has work of one kind. Prior costs and
hyperparameters are averaged by their evidence (`model_averaging`), so that ten networks change
little and thousands much. Ridge regression on blocks or a constant replaces all that where its
leave-one-out error is significantly lower (`plain`). The result is a cost for each block, so that a
network's latency stays their sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.protocol.progress import Progress
from latency_models.networks.prior_costs import PriorCosts, fit_features, prior_costs
from latency_models.regression.block_kernel import BETWEEN_NETWORKS
from latency_models.regression.features import PHYSICAL, block_sums, feature_matrix, work_units
from latency_models.regression.model_averaging import CandidateMean, average, bias_factor
from latency_models.regression.plain import CONSTANT, better_plain
from latency_models.regression.variance_components import Rows, VarianceComponents, grid_of

Floats = NDArray[np.float64]

# Relative standard deviations that are tried: of similar blocks' costs, of kinds of work, of noise;
# and how many times wider noise is on the slow side.
SIMILAR, WORK = (0.0, 0.03, 0.1, 0.2), (0.0, 0.06, 0.2)
NOISE, SKEW = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16), (1.0, 4.0)
# Prior relative standard deviations of a factor on all prior costs, and of an overhead.
_FACTOR, _OVERHEAD = 0.2, 0.03
_BASE_FREE = 10.0  # how much less ridge regression penalises the prior costs than a block
_SMALLEST_PART = 0.1  # of a latency: the least left-out prediction, because its logarithm is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotFit:
    """Result of a few-shot fit.

    Attributes:
        costs_ms: in a network, by block.
        coefficients: (PHYSICAL,), ms a unit, for all other blocks.
        overhead_ms: of a network.
        base: name of the likeliest prior costs, or of what replaced the average.
        errors: leave-one-out mean absolute relative error, by name; hyperparameters were fitted
            on all networks.
    """

    costs_ms: Mapping[BlockSpec, float]
    coefficients: Floats
    overhead_ms: float
    base: str
    errors: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """Networks as counts of blocks (n, m), their latencies (n,), and features of blocks."""

    counts: Floats
    measured_ms: Floats
    physical: Floats  # (m, PHYSICAL)
    similarity: Floats  # (m, m)

    @property
    def usual_ms(self) -> float:
        return float(np.median(self.measured_ms))

    @property
    def work(self) -> Floats:
        """Work of each block (m, PHYSICAL), in ms if each kind took an equal part of a network."""
        result: Floats = self.physical / work_units(self.counts @ self.physical, self.usual_ms)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Relative:
    """Networks relative to the sums (n,) of prior costs, in ms.

    Attributes:
        shares: (n, m), of blocks.
        amounts: (n, k), of work by kind.
        overhead: (n,), the usual latency.
    """

    base_ms: Floats
    shares: Floats
    amounts: Floats
    overhead: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Costs:
    """Costs (m,) and overhead in ms, and left-out predictions of the networks fitted, (n,)."""

    name: str
    costs_ms: Floats
    overhead_ms: float
    left_out_ms: Floats


def fit_few(
    networks: Sequence[Sequence[BlockSpec]],
    measured_ms: Floats,
    blocks: Sequence[BlockSpec] = (),
    priors: Mapping[str, Floats] | None = None,
    progress: Progress | None = None,
) -> FewShotFit:
    """Fit costs of the networks' blocks and of `blocks` on latencies in ms (n,).

    `priors` has, by name, costs in ms on other devices of every block in `all_blocks`' order; one
    whose device could not run some block (infinite) is not used. `progress` is shown each of the
    prior costs that are tried.
    """
    specs = all_blocks(networks, blocks)
    data = _Data(
        counts=block_sums(networks, specs),
        measured_ms=np.asarray(measured_ms, dtype=np.float64),
        physical=feature_matrix(specs, PHYSICAL),
        similarity=BETWEEN_NETWORKS.between(specs, specs),
    )
    candidates = prior_costs(data.counts, data.physical, data.measured_ms, priors or {})
    work = data.work
    rows, means = average(
        lambda number, which: _problem(data, candidates[number], work, which),
        [candidate.name for candidate in candidates],
        len(data.counts),
        grid_of(SIMILAR, WORK, NOISE, SKEW),
        progress,
    )
    averaged = _averaged(data, candidates, work, rows, means)
    likeliest = candidates[means[0].candidate]
    fit = _plain(data, likeliest, rows, averaged.left_out_ms) or averaged
    measured = data.measured_ms[rows]
    factor = bias_factor(measured, fit.left_out_ms)
    error = float(np.mean(np.abs(factor * fit.left_out_ms / measured - 1)))
    features = fit_features(data.counts, data.physical, data.measured_ms)[:-1]
    return FewShotFit(
        costs_ms=dict(zip(specs, (factor * fit.costs_ms).tolist(), strict=True)),
        coefficients=0 * features if fit.name == CONSTANT else features,
        overhead_ms=factor * fit.overhead_ms,
        base=fit.name,
        errors=((fit.name, error),),
    )


def all_blocks(
    networks: Sequence[Sequence[BlockSpec]], blocks: Sequence[BlockSpec]
) -> list[BlockSpec]:
    """Return every block once, in the order in which costs of priors are given."""
    return list(dict.fromkeys([*blocks, *(block for network in networks for block in network)]))


def _relative(data: _Data, prior: PriorCosts, work: Floats, rows: Rows) -> _Relative:
    counts = data.counts[rows]
    base_ms = counts @ prior.costs_ms
    return _Relative(
        base_ms=base_ms,
        shares=counts * prior.costs_ms / base_ms[:, None],
        amounts=counts @ work / base_ms[:, None],
        overhead=data.usual_ms / base_ms,
    )


def _problem(data: _Data, prior: PriorCosts, work: Floats, rows: Rows) -> VarianceComponents:
    relative = _relative(data, prior, work, rows)
    similar = relative.shares @ data.similarity @ relative.shares.T
    overhead = np.outer(relative.overhead, relative.overhead)
    return VarianceComponents(
        values=data.measured_ms[rows] / relative.base_ms - 1,
        fixed=_FACTOR**2 + _OVERHEAD**2 * overhead,
        parts=np.stack([similar, relative.amounts @ relative.amounts.T]),
        log_odds=float(np.log(prior.odds) - np.log(relative.base_ms).sum()),
    )


def _averaged(
    data: _Data,
    candidates: Sequence[PriorCosts],
    work: Floats,
    rows: Rows,
    means: Sequence[CandidateMean],
) -> _Costs:
    """Posterior mean over all candidates."""
    costs_ms, overhead_ms = np.zeros(data.counts.shape[1]), 0.0
    left_out_ms, measured = np.zeros(len(rows)), data.measured_ms[rows]
    for mean in means:
        prior = candidates[mean.candidate]
        relative = _relative(data, prior, work, rows)
        similar, by_work = mean.parts
        factors = mean.share + _FACTOR**2 * mean.weights.sum()
        factors = factors + data.similarity @ (relative.shares.T @ similar)
        costs_ms += prior.costs_ms * factors + work @ (relative.amounts.T @ by_work)
        overhead_ms += _OVERHEAD**2 * float(relative.overhead @ mean.weights) * data.usual_ms
        left_out_ms += mean.share * measured - mean.left_out * relative.base_ms
    return _Costs(
        name=candidates[means[0].candidate].name,
        costs_ms=costs_ms,
        overhead_ms=overhead_ms,
        left_out_ms=np.maximum(left_out_ms, _SMALLEST_PART * measured),
    )


def _plain(data: _Data, prior: PriorCosts, rows: Rows, left_out_ms: Floats) -> _Costs | None:
    """A constant, or ridge regression on counts of blocks; None where it is not surely better.

    Ridge regression also has a free multiple of the prior costs: a block that no network has
    costs that.
    """
    counts, measured, usual = data.counts[rows], data.measured_ms[rows], data.usual_ms
    base = _BASE_FREE * (counts @ prior.costs_ms) / usual
    values = measured / usual
    plain = better_plain(
        np.column_stack([counts, base]), values, (measured - left_out_ms) / usual, values
    )
    if plain is None:
        return None
    multiple = _BASE_FREE * plain.coefficients[-1]
    return _Costs(
        name=plain.name if plain.name == CONSTANT else f"{prior.name}, {plain.name}",
        costs_ms=multiple * prior.costs_ms + usual * plain.coefficients[:-1],
        overhead_ms=usual * plain.intercept,
        left_out_ms=np.maximum(measured - usual * plain.left_out, _SMALLEST_PART * measured),
    )
