"""`ofabench accuracy`: measure sub-networks on validation images, and fit a predictor."""

import argparse
import json
import math
import sys
from typing import TYPE_CHECKING

from ofabench.arguments import add_checkpoint, add_json, add_out, positive_int

if TYPE_CHECKING:
    from supernet.accuracy import AccuracyPredictor


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "accuracy", help="measure sub-networks' accuracy and fit a predictor", description=__doc__
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--networks", type=positive_int, default=100, metavar="N", help="networks to measure (100)"
    )
    parser.add_argument(
        "--images",
        type=positive_int,
        default=2000,
        metavar="N",
        help="validation images to judge each on (2000)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the networks drawn")
    add_json(parser)
    add_out(parser, "A.parquet")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, fit, write the predictor and print how good it is."""
    import numpy as np

    from bench.errors import FileError
    from ofabench.progress import TerminalProgress
    from supernet.accuracy import fit_accuracy
    from supernet.measure_accuracy import choose_networks, measure_pairs
    from supernet.train.checkpoint import load_trained
    from supernet.train.dataset import get_dataset

    if not args.out.parent.is_dir():  # told before minutes of measuring, not after
        raise FileError(f"cannot write {args.out}: the folder {args.out.parent} does not exist")
    checkpoint = load_trained(args.checkpoint)
    supernet = checkpoint.supernet()
    images = get_dataset(checkpoint.recipe.data).validation
    validation = images.subset(args.images, np.random.default_rng(args.seed))
    codes = choose_networks(supernet.space, args.networks, args.seed)
    pairs = measure_pairs(supernet, codes, validation, TerminalProgress())
    told = {
        "checkpoint": args.checkpoint.name,
        "data": checkpoint.recipe.data,
        "part": "validation",
        "images": len(validation),
        "seed": args.seed,
        "measured_error": float(np.median(pairs.error)),
    }
    predictor = fit_accuracy(
        supernet.space, pairs.codes, pairs.accuracy, seed=args.seed, provenance=told
    )
    predictor.save(args.out)
    _show(predictor, as_json=args.json)
    found = predictor.cross_validation
    if found.rmse >= found.constant_rmse:
        print("it predicts no better than a constant: measure more --networks", file=sys.stderr)
    print(f"written to {args.out}", file=sys.stderr)
    return 0


def _show(predictor: "AccuracyPredictor", *, as_json: bool) -> None:
    found, told = predictor.cross_validation, dict(predictor.provenance)
    if as_json:
        print(json.dumps({**found.to_json(), "kernel": predictor.kernel.to_json(), **told}))
        return
    low, high = predictor.accuracy.min(), predictor.accuracy.max()
    print(f"{found.pairs} networks of {predictor.space}: accuracy {low:.2%} to {high:.2%}")
    print(f"  error of a prediction   {found.rmse:.2%} (cross-validated, root mean square)")
    print(f"  error of the best constant {found.constant_rmse:.2%}")
    rank = "none: all are equal" if math.isnan(found.spearman) else f"{found.spearman:.3f}"
    print(f"  rank correlation        {rank}")
    print(f"  standard error of one measured accuracy {told['measured_error']:.2%}")
