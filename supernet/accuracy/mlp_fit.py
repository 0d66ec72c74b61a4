"""Training of accuracy ensembles: many small networks at once, as products of stacks of matrices.

Three hidden layers, as OFA's predictor has (400-400-400 there, for 16,000 pairs). Width and weight
decay are chosen by cross-validation, whose parts are trained side by side.
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
# On 100 to 800 pairs of OFA's supernet 128 units did no better than 64, at twice the time.
WIDTHS = (32, 64)
MANY_PAIRS, MORE_WIDTHS = 2000, (128,)  # tried as well where there is more to learn
WEIGHT_DECAYS = (0.01, 1.0)
LR, BATCH, WARMUP = 3e-3, 128, 20
LEAST_STEPS, EPOCHS = 300, 25  # whichever is more: of 16,000 pairs 25 epochs are 3,125 steps


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    width: int
    weight_decay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Features (n, f) and accuracies (n,); what is random about a fit comes from `seed`."""

    features: Array
    values: Array
    seed: int


def fit_mlp(features: Array, values: Array, seed: int) -> tuple[MlpModel, CrossValidation]:
    """Fit on features (n, f) and accuracies (n,); equal seeds give equal networks."""
    drawn, part = deal(len(values), seed)
    few = _Pairs(features=features[drawn], values=values[drawn], seed=seed)
    widths = WIDTHS + (MORE_WIDTHS if len(values) >= MANY_PAIRS else ())
    tried = [
        _Settings(width=width, weight_decay=decay) for width in widths for decay in WEIGHT_DECAYS
    ]
    errors = [
        root_mean_square(_held_out(few, part, each, 1).mean(axis=0) - few.values) for each in tried
    ]
    settings = tried[int(np.argmin(errors))]
    outputs = _held_out(few, part, settings, MEMBERS)
    found = CrossValidation.of(outputs.mean(axis=0), few.values, part)
    disagreement = root_mean_square(outputs.std(axis=0, ddof=1))
    noise = math.sqrt(max(found.rmse**2 - disagreement**2, 0.0))
    every = _Pairs(features=features, values=values, seed=seed)
    model = _train(every, [np.arange(len(values))] * MEMBERS, settings)
    return replace(model, noise=noise), found


def _held_out(pairs: _Pairs, part: NDArray[np.int64], settings: _Settings, members: int) -> Array:
    """What `members` networks predict that did not see a pair's part; (members, n)."""
    seen = [np.flatnonzero(part != p) for p in range(PARTS) for _ in range(members)]
    every = _train(pairs, seen, settings).each(pairs.features)
    return np.asarray(every.reshape(PARTS, members, -1)[part, :, np.arange(len(part))].T)


def _train(pairs: _Pairs, seen: list[NDArray[np.int64]], settings: _Settings) -> MlpModel:
    """One network for each entry of `seen`, which are the pairs that it may learn from."""
    generator = torch.Generator().manual_seed(pairs.seed)
    centre = pairs.features.mean(axis=0)
    means = np.array([pairs.values[rows].mean() for rows in seen])
    scales = np.array([pairs.values[rows].std() for rows in seen])
    standardised = (pairs.values - means[:, None]) / np.where(scales > 0, scales, 1.0)[:, None]
    inputs = torch.from_numpy((pairs.features - centre).astype(np.float32))
    targets = torch.from_numpy(standardised.astype(np.float32))
    sizes = [inputs.shape[1], *[settings.width] * HIDDEN_LAYERS, 1]
    weights, biases = _first(len(seen), sizes, generator)
    optimiser = torch.optim.AdamW(
        [
            {"params": weights, "weight_decay": settings.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ]
    )
    for chosen, lr in _steps(seen, generator):
        for group in optimiser.param_groups:
            group["lr"] = lr
        errors = _forward(inputs[chosen], weights, biases) - targets.gather(1, chosen)
        loss = errors.square().mean(dim=1).sum()  # each member has gradients of its own
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
    seen: list[NDArray[np.int64]], generator: torch.Generator
) -> Iterator[tuple[Tensor, float]]:
    """Each step's batch, as indices (members, batch) drawn anew, and its learning rate."""
    fewest = min(len(rows) for rows in seen)
    batch = min(BATCH, fewest)
    steps = max(LEAST_STEPS, EPOCHS * fewest // batch)
    rows = [torch.from_numpy(of) for of in seen]
    for step in range(steps):
        chosen = [of[torch.randint(len(of), (batch,), generator=generator)] for of in rows]
        # A linear warm-up, then a cosine to 0.
        lr = min(1.0, (step + 1) / WARMUP) * 0.5 * (1 + math.cos(math.pi * step / steps)) * LR
        yield torch.stack(chosen), lr


def _first(
    members: int, sizes: list[int], generator: torch.Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """First weights by He's rule, the last layer's a tenth of it: all begin near the mean."""
    weights, biases = [], []
    for place, (width, out) in enumerate(pairwise(sizes)):
        gain = 0.1 if place == len(sizes) - 2 else 1.0
        deviation = gain * math.sqrt(2.0 / max(width, 1))
        first = torch.randn(members, width, out, generator=generator) * deviation
        weights.append(first.requires_grad_())
        biases.append(torch.zeros(members, 1, out, requires_grad=True))
    return weights, biases


def _forward(inputs: Tensor, weights: list[Tensor], biases: list[Tensor]) -> Tensor:
    """Outputs (members, n) for inputs (members, n, f)."""
    x = inputs
    for place, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = torch.baddbmm(bias, x, weight)
        if place < len(weights) - 1:
            x = torch.relu(x)
    return x[..., 0]
