"""Do fits on whole networks alone fall behind ridge? Many draws of public columns, as Markdown.

    python -m experiments.robust_fits --data ../shared/data --draws 10 --sizes 50,200 \
        --results build/robust_fits.jsonl [--seconds 110]

Each draw fits a few networks of a column and is judged on all others, by rank correlation
(Spearman): ours, ridge on one-hot blocks or operators (penalty by leave-one-out on the fitted
networks alone), a line through MACs, and a constant, which ranks nothing. Draws that are in the
results file are not fitted again, so a run may be stopped (`--seconds`) and resumed. Exit code 1
where any draw is more than 0.005 below ridge or predicts a constant.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from bench.errors import OfabenchError
from experiments.fbnet_macs import macs_of
from experiments.learners import BlockLearner, CategoryLearner, Floats, Learner, ridge
from latency_models.evaluation.evaluate import evaluate, macs_line

FILES = {
    "fbnet_device_latency.parquet": "onehot",
    "ofa_mbv3_gpu_latency.parquet": "ofa-mbv3-w1.0",
}
ALLOWED = 0.005  # of Spearman, below ridge
METHODS = ("ours", "ridge", "MACs", "constant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One fit; `spearman` and `mape` by method, and the processor's seconds that ours took."""

    space: str
    column: str
    networks: int
    seed: int
    spearman: Mapping[str, float]
    mape: Mapping[str, float]
    constant: bool  # ours predicts the same for every network
    seconds: float

    @property
    def key(self) -> tuple[str, str, int, int]:
        """Space, column, number of networks and seed."""
        return self.space, self.column, self.networks, self.seed

    @classmethod
    def of(cls, learner: Learner, space: str, column: str, networks: int, seed: int) -> Self:
        """Fit and evaluate one draw."""
        order = np.random.default_rng(seed).permutation(learner.networks)
        fitted, judged = order[:networks], order[networks:]
        measured = learner.measured_ms(column)
        start = time.process_time()
        predictor = learner.fit(column, fitted, {})
        seconds = time.process_time() - start
        predicted = {
            "ours": learner.predict(predictor, judged),
            "ridge": ridge(learner.design[fitted], measured[fitted], learner.design[judged]),
            "MACs": _by_macs(learner, measured, fitted, judged),
            "constant": np.full(len(judged), np.median(measured[fitted])),
        }
        figures = {
            name: evaluate(predicted_ms, measured[judged])
            for name, predicted_ms in predicted.items()
        }
        return cls(
            space=space,
            column=column,
            networks=networks,
            seed=seed,
            spearman={name: evaluation.spearman or 0.0 for name, evaluation in figures.items()},
            mape={name: evaluation.mape for name, evaluation in figures.items()},
            constant=bool(np.ptp(predicted["ours"]) < 1e-6 * predicted["ours"].mean()),
            seconds=seconds,
        )


def _by_macs(learner: Learner, measured_ms: Floats, fitted: Any, judged: Any) -> Floats:
    macs = learner.macs
    if macs is None and isinstance(learner, CategoryLearner):
        macs = macs_of(learner.codes)
    assert macs is not None
    constant, slope = macs_line(macs[fitted], measured_ms[fitted])
    result: Floats = constant + slope * macs[judged]
    return result


def read(results: Path) -> dict[tuple[str, str, int, int], Draw]:
    """Return finished draws; a truncated line is ignored."""
    result = {}
    for line in results.read_text().splitlines() if results.exists() else ():
        try:
            draw = Draw(**json.loads(line))
        except (ValueError, TypeError):
            continue
        result[draw.key] = draw
    return result


def measure(args: argparse.Namespace) -> bool:
    """Fit the draws that the results lack; return whether all are complete."""
    start, done = time.monotonic(), read(args.results)
    args.results.parent.mkdir(parents=True, exist_ok=True)
    for name, space in FILES.items():
        path = args.data / name
        learner: Learner = (
            CategoryLearner.load(path) if space == "onehot" else BlockLearner.load(path, space)
        )
        for seed in range(args.draws):
            for networks in args.sizes:
                for column in args.columns or learner.columns:
                    if column not in learner.columns or (space, column, networks, seed) in done:
                        continue
                    if time.monotonic() - start > args.seconds:
                        return False
                    draw = Draw.of(learner, space, column, networks, seed)
                    with args.results.open("a") as file:
                        file.write(json.dumps(asdict(draw)) + "\n")
    return True


def table(draws: Sequence[Draw]) -> Iterator[str]:
    """Return mean and worst Spearman by column and size, and the worst difference from ridge."""
    head = [f"{name}: mean, worst" for name in METHODS[:3]]
    yield f"| column | networks | draws | {' | '.join(head)} | constant | least (ours - ridge) |"
    yield "| --- |" + " ---: |" * (len(head) + 4)
    for space, column, networks in dict.fromkeys(draw.key[:3] for draw in draws):
        own = [draw for draw in draws if draw.key[:3] == (space, column, networks)]
        cells = [
            f"{np.mean(values):.3f}, {min(values):.3f}"
            for values in ([draw.spearman[name] for draw in own] for name in METHODS[:3])
        ]
        yield (
            f"| {column} ({space}) | {networks} | {len(own)} | {' | '.join(cells)} | "
            f"{np.mean([draw.spearman['constant'] for draw in own]):.0f} | "
            f"{min(draw.spearman['ours'] - draw.spearman['ridge'] for draw in own):+.4f} |"
        )


def verdict(draws: Sequence[Draw]) -> list[str]:
    """Return the draws that predict a constant or are too far below ridge."""
    result = [
        f"{' '.join(map(str, draw.key))}: predicts a constant" for draw in draws if draw.constant
    ]
    for draw in draws:
        less = draw.spearman["ridge"] - draw.spearman["ours"]
        if less > ALLOWED:
            result.append(f"{' '.join(map(str, draw.key))}: {less:.4f} below ridge")
    return result


def main() -> int:
    """Fit what is missing and print the table; exit code 1 where a fit falls short."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), metavar="DIR")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--sizes", type=_sizes, default=[50, 200], metavar="N,N")
    parser.add_argument("--columns", nargs="*", default=[], help="default: all")
    parser.add_argument("--results", type=Path, default=Path("build/robust_fits.jsonl"))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    args = parser.parse_args()
    try:
        complete = measure(args)
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    draws = sorted(read(args.results).values(), key=lambda draw: draw.key)
    print("\n".join(table(draws)))
    short = verdict(draws)
    print("\n" + "\n".join(short or ["No draw falls short."]))
    seconds = {n: [d.seconds for d in draws if d.networks == n] for n in args.sizes}
    for networks, values in seconds.items():
        if values:
            print(f"{networks} networks: {np.mean(values):.2f} s of processor time a fit")
    if not complete:
        print("stopped before all draws were fitted; run it again to resume", file=sys.stderr)
    return 1 if short else 0


def _sizes(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
