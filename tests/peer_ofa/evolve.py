"""`ofa`'s own EvolutionFinder, in a process of its own: `python -m tests.peer_ofa.evolve REQUEST`.

REQUEST is JSON: `peer`, `weights` (its accuracy predictor's state dict), `table` ({key: ms} of one
resolution), `resolution`, `limits_ms`, `seeds`, `warm` (unreported runs). Prints a line of JSON
for each run: limit, seed, seconds, accuracy, networks evaluated, and the best accuracy that it had
after each generation with the seconds it then had taken.
"""

import contextlib
import importlib
import io
import json
import random
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.peer_ofa.networks import import_peer


def main(path: Path) -> None:
    request = json.loads(path.read_text())
    torch.set_num_threads(request["threads"])
    for name in ("yaml", "gdown"):  # it downloads and reads tables with them; here it does not
        sys.modules.setdefault(name, types.ModuleType(name))
    import_peer(Path(request["peer"]))
    peer = importlib.import_module("ofa.tutorial")
    accuracy, table = predictors(peer, request)
    runs = [(limit, -1) for limit in request["limits_ms"][:1]]
    runs += [(limit, seed) for limit in request["limits_ms"] for seed in request["seeds"]]
    for limit_ms, seed in runs:
        figures = search(peer, (accuracy, table), request["resolution"], limit_ms, seed)
        if seed >= 0:  # the first of all warms up
            print(json.dumps(figures), flush=True)


def predictors(peer: Any, request: dict[str, Any]) -> tuple[Any, Any]:
    """Its accuracy predictor and its latency table, without what it would download."""
    accuracy = peer.AccuracyPredictor(pretrained=False, device="cpu")
    state = torch.load(request["weights"], map_location="cpu", weights_only=True)
    accuracy.model.load_state_dict(state)
    estimator_class = importlib.import_module("ofa.tutorial.latency_table").LatencyEstimator
    estimator = object.__new__(estimator_class)
    estimator.lut = {key: {"mean": ms} for key, ms in request["table"].items()}
    table = object.__new__(peer.LatencyTable)
    table.latency_tables = {request["resolution"]: estimator}
    return accuracy, table


class Timed:
    """Its accuracy predictor, which also notes when it was asked and the best it has said."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.best: list[tuple[float, float]] = []
        self.evaluated = 0
        self.started = time.perf_counter()

    def predict_accuracy(self, population: list[Any]) -> torch.Tensor:
        found: torch.Tensor = self.inner.predict_accuracy(population)
        self.evaluated += len(population)
        best = max(float(found.max()), self.best[-1][1] if self.best else 0.0)
        self.best.append((time.perf_counter() - self.started, best))
        return found


def search(
    peer: Any, predictors: tuple[Any, Any], resolution: int, limit_ms: float, seed: int
) -> dict[str, Any]:
    random.seed(seed)
    np.random.seed(max(seed, 0))
    accuracy = Timed(predictors[0])
    finder = peer.EvolutionFinder(
        constraint_type="note10",
        efficiency_constraint=limit_ms,
        efficiency_predictor=predictors[1],
        accuracy_predictor=accuracy,
    )
    finder.arch_manager.resolutions = [resolution]
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        finder.run_evolution_search()
    seconds, best = accuracy.best[-1]
    return {
        "limit_ms": limit_ms,
        "seed": seed,
        "seconds": seconds,
        "accuracy": best,
        "evaluated": accuracy.evaluated,
        "best": accuracy.best,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
