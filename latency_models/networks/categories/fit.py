"""Fit a `CategoryPredictor` on whole networks, few or many, with other devices as priors.

Candidates are prior costs: equal for all categories, as on another device, or as on the mean of
all. Their residuals are a Gaussian process over categories (`categories.kernels`), and candidates
are averaged by their evidence (`model_averaging`). Ridge regression on categories or a constant
replaces all that where its leave-one-out error is significantly lower (`plain`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from bench.protocol.progress import Progress
from bench.protocol.target import Target
from latency_models.networks.categories.kernels import (
    Vocabulary,
    device_kernels,
    own_kernels,
    shape_of,
)
from latency_models.networks.categories.predictor import CategoryPredictor, Codes, stem_of
from latency_models.regression.model_averaging import average
from latency_models.regression.plain import better_plain
from latency_models.regression.variance_components import Rows, VarianceComponents, grid_of
from latency_models.tables.storage import origin

Floats = NDArray[np.float64]

NOISE, SKEW = (0.003, 0.01, 0.03, 0.06, 0.12), (1.0, 4.0)
# Relative standard deviations that are tried, by kernel: by name, near by, independent.
ALONE = ((0.0, 0.01, 0.03, 0.1), (0.0, 0.015, 0.05, 0.15), (0.0, 0.015, 0.05))
# With priors also: a mix of devices, and similar on them.
WITH_PRIORS = (
    (0.0, 0.005),
    (0.0,),
    (0.0, 0.015),
    (0.0, 0.015, 0.05, 0.15),
    (0.0, 0.015, 0.05, 0.15),
)
_MEAN_STD = 0.3  # prior relative standard deviation of the mean latency
_FLAT = "equal costs"
_MEAN = "mean of priors"


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryFit:
    """The predictor, the likeliest candidate's name, and the leave-one-out mean relative error."""

    predictor: CategoryPredictor
    candidate: str
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """Shape of costs (m,), its expected size in relative latency, and its prior odds."""

    name: str
    shape: Floats
    size: float
    odds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    counts: Floats  # (n, m)
    measured_ms: Floats  # (n,)
    kernels: Floats  # (k, m, m)

    @property
    def usual_ms(self) -> float:
        return float(np.median(self.measured_ms))


def fit_categories(  # noqa: PLR0913
    columns: tuple[str, ...],
    codes: Codes,
    measured_ms: Floats,
    target: Target,
    *,
    priors: Mapping[str, CategoryPredictor] | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> CategoryFit:
    """Fit categories (n, columns) with latencies in ms (n,).

    `progress` is shown each of the prior costs that are tried.
    `InputError` where a prior is of other columns.
    """
    others = dict(priors or {})
    for name, prior in others.items():
        if set(prior.columns) != set(columns):
            raise InputError(
                f"the prior {name} has the columns {', '.join(prior.columns)}, expected those of "
                f"the networks: {', '.join(columns)}"
            )
    vocabulary = _vocabulary(columns, codes, list(others.values()))
    shapes = [shape_of(vocabulary, _costs_of(vocabulary, prior)) for prior in others.values()]
    kernels = own_kernels(vocabulary)
    if shapes:
        devices = device_kernels(vocabulary, [shape for shape, _ in shapes])
        kernels = np.concatenate([kernels, devices])
    data = _Data(counts=vocabulary.counts(codes), measured_ms=measured_ms, kernels=kernels)
    sizes = [
        scale / max(_mean_ms(prior), 1e-9)
        for (_, scale), prior in zip(shapes, others.values(), strict=True)
    ]
    candidates = _candidates(vocabulary, list(others), [shape for shape, _ in shapes], sizes)
    deviations, mean_ms, left_out_ms, best = _fit(data, candidates, progress)
    costs = _shared_out(vocabulary, deviations, mean_ms)
    error = float(np.mean(np.abs(left_out_ms)))
    chosen = {"base": best, "error": error}
    predictor = CategoryPredictor(
        target=target,
        provenance={"fitted": origin(), "chosen": chosen, **(provenance or {})},
        costs_ms=costs,
        seen=_seen(columns, codes, list(others.values())),
    )
    return CategoryFit(predictor=predictor, candidate=best, error=error)


def _vocabulary(
    columns: tuple[str, ...], codes: Codes, priors: Sequence[CategoryPredictor]
) -> Vocabulary:
    """Categories by column; columns of the same name have the same categories."""
    by_stem: dict[str, set[int]] = {}
    for place, column in enumerate(columns):
        own = by_stem.setdefault(stem_of(column), set())
        own.update(np.unique(codes[:, place]).tolist())
        for prior in priors:
            own.update(prior.costs_ms[column])
    return Vocabulary(
        columns=columns,
        categories=tuple(tuple(sorted(by_stem[stem_of(column)])) for column in columns),
    )


def _costs_of(vocabulary: Vocabulary, prior: CategoryPredictor) -> Floats:
    """Costs of a prior (m,); of a category that it does not know, its column's mean."""
    result = []
    for column, categories in zip(vocabulary.columns, vocabulary.categories, strict=True):
        costs = prior.costs_ms[column]
        usual = float(np.mean(list(costs.values())))
        result += [costs.get(category, usual) for category in categories]
    return np.array(result)


def _mean_ms(prior: CategoryPredictor) -> float:
    return float(sum(np.mean(list(costs.values())) for costs in prior.costs_ms.values()))


def _seen(
    columns: tuple[str, ...], codes: Codes, priors: Sequence[CategoryPredictor]
) -> dict[str, frozenset[int]]:
    seen = {}
    for place, column in enumerate(columns):
        measured = frozenset(np.unique(codes[:, place]).tolist())
        seen[column] = measured.union(*(prior.seen[column] for prior in priors))
    return seen


def _candidates(
    vocabulary: Vocabulary, names: list[str], shapes: list[Floats], sizes: list[float]
) -> list[_Candidate]:
    """Equal costs without priors; otherwise the mean of all devices, and each of them."""
    if not shapes:
        flat = np.zeros(len(vocabulary.owner))
        return [_Candidate(name=_FLAT, shape=flat, size=0.0, odds=1.0)]
    size = float(np.exp(np.mean(np.log(np.maximum(sizes, 1e-6)))))
    if len(shapes) == 1:
        return [_Candidate(name=names[0], shape=shapes[0], size=size, odds=1.0)]
    mean, _ = shape_of(vocabulary, np.mean(shapes, axis=0))
    return [
        _Candidate(name=_MEAN, shape=mean, size=size, odds=0.5),
        *(
            _Candidate(name=name, shape=shape, size=size, odds=0.5 / len(shapes))
            for name, shape in zip(names, shapes, strict=True)
        ),
    ]


def _problem(data: _Data, candidate: _Candidate, rows: Rows) -> VarianceComponents:
    counts = data.counts[rows]
    shape = counts @ candidate.shape
    return VarianceComponents(
        values=data.measured_ms[rows] / data.usual_ms - 1 - candidate.size * shape,
        fixed=_MEAN_STD**2 + candidate.size**2 * np.outer(shape, shape),
        parts=counts @ data.kernels @ counts.T,
        log_odds=float(np.log(candidate.odds)),
    )


def _fit(
    data: _Data, candidates: list[_Candidate], progress: Progress | None
) -> tuple[Floats, float, Floats, str]:
    """Deviations (m,) and mean in ms, relative leave-one-out errors, likeliest candidate."""
    scales = WITH_PRIORS if len(data.kernels) > len(ALONE) else ALONE
    rows, means = average(
        lambda number, which: _problem(data, candidates[number], which),
        [candidate.name for candidate in candidates],
        len(data.counts),
        grid_of(*scales, NOISE, SKEW),
        progress,
    )
    counts = data.counts[rows]
    values = data.measured_ms[rows] / data.usual_ms - 1
    relative = np.zeros(counts.shape[1])
    for mean in means:
        candidate = candidates[mean.candidate]
        slope = mean.share + candidate.size * float((counts @ candidate.shape) @ mean.weights)
        relative += slope * candidate.size * candidate.shape
        for kernel, weights in zip(data.kernels, mean.parts, strict=True):
            relative += kernel @ (counts.T @ weights)
    constant = 1.0 + _MEAN_STD**2 * sum(float(mean.weights.sum()) for mean in means)
    left_out = np.sum([mean.left_out for mean in means], axis=0)
    best = candidates[means[0].candidate].name
    plain = better_plain(counts, values, left_out, 1 + values)
    if plain is not None:
        relative, constant, left_out = plain.coefficients, 1 + plain.intercept, plain.left_out
        best = plain.name
    error = left_out / (1 + values)
    return relative * data.usual_ms, constant * data.usual_ms, error, best


def _shared_out(
    vocabulary: Vocabulary, deviations: Floats, mean_ms: float
) -> dict[str, dict[int, float]]:
    """Costs by column and category: an equal part of the mean plus the category's deviation."""
    part = mean_ms / len(vocabulary.columns)
    costs: dict[str, dict[int, float]] = {column: {} for column in vocabulary.columns}
    for place, value, ms in zip(
        vocabulary.owner.tolist(), vocabulary.values.tolist(), deviations.tolist(), strict=True
    ):
        costs[vocabulary.columns[place]][value] = part + ms
    return costs
