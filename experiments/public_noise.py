"""How much of a public column is noise that no method predicts, and of which kind is it?

    python -m experiments.public_noise --data ../shared/data/ofa_mbv3_gpu_latency.parquet \
        --space ofa-mbv3-w1.0

Nothing was measured twice there, so four signs show the noise. Two unlike methods with thousands
of networks stop at the same figures. Networks of the same depths, which launch the same kernels in
number, differ as much as from the prediction. What is missed in one column is not missed in the
others, which it would be if it lay in the networks. And it hangs together in the order of
measuring, which no network knows of.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.learners import BlockLearner, Floats
from latency_models.evaluation.evaluate import Evaluation, evaluate
from latency_models.regression.features import PHYSICAL, feature_matrix

FITTED = 4000
MOST_OURS = 1500  # networks that a Gaussian process is fitted on, however many there are


def missed(learner: BlockLearner, column: str) -> tuple[list[tuple[str, Evaluation]], Floats]:
    """Return figures by method on held-out networks, and our errors, log(measured/predicted)."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    order = np.random.default_rng(0).permutation(learner.networks)
    fitted, judged = order[:FITTED], np.sort(order[FITTED:])
    measured = learner.measured_ms(column)
    work = learner.design @ feature_matrix(learner.every, PHYSICAL)
    inputs = np.column_stack([work, learner.codes])
    trees = HistGradientBoostingRegressor(max_iter=400, learning_rate=0.06, random_state=0)
    trees.fit(inputs[fitted], np.log(measured[fitted]))
    by_trees = np.exp(trees.predict(inputs[judged]))
    ours = learner.predict(learner.fit(column, fitted[:MOST_OURS], {}), judged)
    result = [
        (f"trees, {FITTED} networks", evaluate(by_trees, measured[judged])),
        (f"ours, {MOST_OURS} networks", evaluate(ours, measured[judged])),
    ]
    return result, np.log(measured[judged] / ours)


def spread(values: Floats) -> float:
    """Return the robust standard deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def within_depths(learner: BlockLearner, column: str) -> float:
    """Return the spread of networks of equal depths about their median."""
    depths = [f"d{stage}" for stage in range(5)]
    logs = pd.Series(np.log(learner.measured_ms(column)))
    groups = logs.groupby([learner.table.frame[depth].to_numpy() for depth in depths])
    return spread((logs - groups.transform("median")).to_numpy())


def lines(learner: BlockLearner) -> Iterator[str]:
    left: dict[str, Floats] = {}
    yield "| column | method | Spearman | within 5 % | within 10 % |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for column in learner.columns:
        summaries, left[column] = missed(learner, column)
        for name, summary in summaries:
            figures = (
                f"{summary.spearman or 0:.3f} | {summary.within_5:.3f} | {summary.within_10:.3f}"
            )
            yield f"| {column} | {name} | {figures} |"
    yield ""
    yield (
        "| column | spread of what is missed | spread at the same depths | over 10 % slower | "
        "over 10 % faster | most like another column's | from one to the next |"
    )
    yield "| --- |" + " ---: |" * 6
    correlations = pd.DataFrame(left).corr("spearman")
    for column, values in left.items():
        others = correlations[column].drop(column).abs().max()
        cut = np.clip(values, -0.1, 0.1)
        after = np.corrcoef(cut[:-1], cut[1:])[0, 1]
        slow, fast = np.mean(values > np.log(1.1)), np.mean(values < -np.log(1.1))
        yield (
            f"| {column} | {spread(values):.3f} | {within_depths(learner, column):.3f} | "
            f"{slow:.3f} | {fast:.3f} | {others:.2f} | {after:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--space", required=True)
    args = parser.parse_args()
    print("\n".join(lines(BlockLearner.load(args.data, args.space))))


if __name__ == "__main__":
    main()
