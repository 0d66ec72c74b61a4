"""Kinds of accuracy predictor on 1,000 sub-networks of OFA's own supernet, measured by others.

`python experiments/accuracy_predictors.py [--data FOLDER]`: held-out errors from fits on few and on
many networks, compared with the best constant and OFA's published predictor. All are of kernel 7
at 224 px, so that only depths and expansions differ: OFA's figure of 0.21 % is over more choices.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from supernet.accuracy.cross_validation import HeldOut
from supernet.accuracy.ofa_published import OfaPublished
from supernet.accuracy.predictor import AccuracyPredictor, Kind, fit_accuracy
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace

MEASURED, PUBLISHED = "ofa_mbv3_imagenet_accuracy_224.json", "ofa_mbv3_acc_predictor.pth"
FITTED_ON = (100, 300, 500, 800)
JUDGED = 200
KINDS: tuple[Kind, ...] = ("kernel", "mlp")


def main() -> int:
    """Print the table; return 0 also where there is no data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("shared/data"), metavar="FOLDER")
    folder: Path = parser.parse_args().data
    if not (folder / MEASURED).is_file():
        print(f"skipped: {folder} has no {MEASURED}; name the folder by --data", file=sys.stderr)
        return 0
    space = SearchSpace.load("ofa-mbv3-w1.0")
    codes, accuracy = read_measured(folder / MEASURED, space)
    order = np.random.default_rng(0).permutation(len(codes))
    held, rest = order[:JUDGED], order[JUDGED:]
    print(
        "fitted on  by         RMSE %  constant %  Kendall  Spearman  within 2 sd  fit s  settings"
    )
    for n in FITTED_ON:
        seen = rest[:n]
        for kind in KINDS:
            started_s = time.perf_counter()
            predictor = fit_accuracy(space, codes[seen], accuracy[seen], kind=kind)
            took_s = time.perf_counter() - started_s
            result = HeldOut.of(predictor.predict(codes[held]), accuracy[held], accuracy[seen])
            share = _within(predictor, codes[held], accuracy[held])
            print(_line(str(n), kind, result, f"{share:>10.1%} {took_s:>6.1f}"), end="")
            print(f"  {predictor.model.settings}")
    if (folder / PUBLISHED).is_file():
        # Trained on other images than those of the measured accuracies.
        predicted = OfaPublished.load(folder / PUBLISHED).predict(codes[held])
        result = HeldOut.of(predicted, accuracy[held], accuracy[rest])
        print(_line("(OFA's)", "published", result, ""))
        offset = float(np.mean(predicted - accuracy[held]))
        shifted = HeldOut.of(predicted - offset, accuracy[held], accuracy[rest])
        print(_line("(OFA's)", "less bias", shifted, f"  bias {offset:+.3%}"))
    return 0


def read_measured(path: Path, space: SearchSpace) -> tuple[Codes, NDArray[np.float64]]:
    """Return codes (n, columns) and top-1 accuracies as fractions (n,)."""
    measured = json.loads(path.read_text())
    rows = [json.loads(key) for key in measured]
    table = pd.DataFrame(
        [[row["image_size"], *row["d"], *row["ks"], *row["e"]] for row in rows],
        columns=space.columns,
    )
    return space.codes_of(table), np.array([*measured.values()]) / 100


def _within(predictor: AccuracyPredictor, codes: Codes, accuracy: NDArray[np.float64]) -> float:
    """Return the share of measured accuracies within two standard deviations of the prediction."""
    errors = np.abs(predictor.predict(codes) - accuracy)
    return float(np.mean(errors <= 2 * predictor.predict_spread(codes)))


def _line(fitted: str, kind: str, held_out: HeldOut, more: str) -> str:
    figures = f"{held_out.rmse * 100:>7.4f} {held_out.constant_rmse * 100:>11.4f}"
    return (
        f"{fitted:>9}  {kind:<9} {figures} {held_out.kendall:>8.3f} "
        f"{held_out.spearman:>9.3f} {more}"
    )


if __name__ == "__main__":
    sys.exit(main())
