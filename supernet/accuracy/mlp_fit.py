"""Train accuracy ensembles: many small networks at once, as batched matrix products.

Networks have three hidden layers, as OFA's predictor (400-400-400, for 16,000 pairs). Width and
weight decay are chosen by cross-validation, whose folds are trained in parallel.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from supernet.accuracy.cross_validation import PARTS, Array, CrossValidation, deal, root_mean_square
from supernet.accuracy.mlp import MlpModel

MEMBERS = 5
HIDDEN_LAYERS = 3
# On 100 to 800 pairs of OFA's supernet, 128 units were no better than 64 and took twice the time.
WIDTHS = (32, 64)
MANY_PAIRS, MORE_WIDTHS = 2000, (128,)  # widths also tried from so many pairs on
WEIGHT_DECAYS = (0.01, 1.0)
LR, BATCH, WARMUP = 3e-3, 128, 20
LEAST_STEPS, EPOCHS = (
    300,
    25,
)  # whichever gives more steps: 25 epochs of 16,000 pairs are 3,125 steps


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    width: int
    weight_decay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Features (n, f) and accuracies (n,), and the seed of all randomness of a fit."""

    features: Array
    values: Array
    seed: int


def fit_mlp(features: Array, values: Array, seed: int) -> tuple[MlpModel, CrossValidation]:
    """Fit an ensemble on features (n, f) and accuracies (n,); equal seeds give equal results."""
    rows, fold = deal(len(values), seed)
    subset = _Pairs(features=features[rows], values=values[rows], seed=seed)
    widths = WIDTHS + (MORE_WIDTHS if len(values) >= MANY_PAIRS else ())
    candidates = [
        _Settings(width=width, weight_decay=decay) for width in widths for decay in WEIGHT_DECAYS
    ]
    errors = [
        root_mean_square(_held_out(subset, fold, candidate, 1).mean(axis=0) - subset.values)
        for candidate in candidates
    ]
    settings = candidates[int(np.argmin(errors))]
    outputs = _held_out(subset, fold, settings, MEMBERS)
    cross_validation = CrossValidation.of(outputs.mean(axis=0), subset.values, fold)
    disagreement = root_mean_square(outputs.std(axis=0, ddof=1))
    noise = math.sqrt(max(cross_validation.rmse**2 - disagreement**2, 0.0))
    all_pairs = _Pairs(features=features, values=values, seed=seed)
    model = _train(all_pairs, [np.arange(len(values))] * MEMBERS, settings)
    return replace(model, noise=noise), cross_validation


def _held_out(pairs: _Pairs, fold: NDArray[np.int64], settings: _Settings, members: int) -> Array:
    """Return predictions of `members` networks not trained on a pair's fold; (members, n)."""
    training_rows = [np.flatnonzero(fold != p) for p in range(PARTS) for _ in range(members)]
    predictions = _train(pairs, training_rows, settings).each(pairs.features)
    return np.asarray(predictions.reshape(PARTS, members, -1)[fold, :, np.arange(len(fold))].T)


def _train(pairs: _Pairs, training_rows: list[NDArray[np.int64]], settings: _Settings) -> MlpModel:
    """Train one network for each entry of `training_rows`, on these rows of the pairs."""
    generator = torch.Generator().manual_seed(pairs.seed)
    centre = pairs.features.mean(axis=0)
    means = np.array([pairs.values[rows].mean() for rows in training_rows])
    scales = np.array([pairs.values[rows].std() for rows in training_rows])
    standardised = (pairs.values - means[:, None]) / np.where(scales > 0, scales, 1.0)[:, None]
    inputs = torch.from_numpy((pairs.features - centre).astype(np.float32))
    targets = torch.from_numpy(standardised.astype(np.float32))
    sizes = [inputs.shape[1], *[settings.width] * HIDDEN_LAYERS, 1]
    weights, biases = _initial_weights(len(training_rows), sizes, generator)
    optimiser = torch.optim.AdamW(
        [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ]
    )
    for batch, lr in _steps(training_rows, generator):
        for group in optimiser.param_groups:
            group["lr"] = lr
        errors = _forward(inputs[batch], weights, biases) - targets.gather(1, batch)
        loss = errors.square().mean(dim=1).sum()  # the members' gradients are independent
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return MlpModel(
        weights=tuple(weight.detach().numpy() for weight in weights),
        biases=tuple(bias.detach().numpy() for bias in biases),
        centre=centre.astype(np.float32),
        means=means.astype(np.float32),
        scales=scales.astype(np.float32),
        noise=0.0,
        weight_decay=settings.weight_decay,
    )


def _steps(
    training_rows: list[NDArray[np.int64]], generator: torch.Generator
) -> Iterator[tuple[Tensor, float]]:
    """Yield the random batch of each step, as indices (members, batch), and its learning rate."""
    fewest = min(len(rows) for rows in training_rows)
    batch = min(BATCH, fewest)
    steps = max(LEAST_STEPS, EPOCHS * fewest // batch)
    rows = [torch.from_numpy(member_rows) for member_rows in training_rows]
    for step in range(steps):
        indices = [
            member_rows[torch.randint(len(member_rows), (batch,), generator=generator)]
            for member_rows in rows
        ]
        # A linear warm-up, then a cosine to 0.
        lr = min(1.0, (step + 1) / WARMUP) * 0.5 * (1 + math.cos(math.pi * step / steps)) * LR
        yield torch.stack(indices), lr


def _initial_weights(
    members: int, sizes: list[int], generator: torch.Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """Return He-initialised weights, those of the last layer scaled by 0.1 to start at the mean."""
    weights, biases = [], []
    for layer, (width, out) in enumerate(pairwise(sizes)):
        gain = 0.1 if layer == len(sizes) - 2 else 1.0
        std = gain * math.sqrt(2.0 / max(width, 1))
        weight = torch.randn(members, width, out, generator=generator) * std
        weights.append(weight.requires_grad_())
        biases.append(torch.zeros(members, 1, out, requires_grad=True))
    return weights, biases


def _forward(inputs: Tensor, weights: list[Tensor], biases: list[Tensor]) -> Tensor:
    """Return outputs (members, n) for inputs (members, n, f)."""
    x = inputs
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = torch.baddbmm(bias, x, weight)
        if layer < len(weights) - 1:
            x = torch.relu(x)
    return x[..., 0]
