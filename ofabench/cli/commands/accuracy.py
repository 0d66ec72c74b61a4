"""`ofabench accuracy`: fit a predictor of sub-networks' accuracies on measured ones."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.cli.arguments import add_json, add_out, add_progress, positive_int, seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from supernet.accuracy.check import Compared
    from supernet.accuracy.predictor import AccuracyPredictor
    from supernet.space.codes import Codes
    from supernet.space.space import SearchSpace

    Measured = tuple[SearchSpace, Codes, NDArray[np.float64], dict[str, Any]]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "accuracy",
        help="fit a predictor of sub-networks' accuracy",
        description="Fits on a table that `evaluate-subnets` measured, or measures networks of a "
        "checkpoint itself. A fifth of them is kept back to judge by; then all are fitted on.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--table", type=Path, metavar="NETWORKS.parquet", help="from `ofabench evaluate-subnets`"
    )
    source.add_argument(
        "--checkpoint", type=Path, metavar="SUPERNET.safetensors", help="from `ofabench train`"
    )
    parser.add_argument(
        "--space", metavar="NAME|FILE.toml", help="of the table, where it is not a shipped one"
    )
    parser.add_argument(
        "--model",
        choices=("kernel", "mlp", "best"),
        default="best",
        help="kernel ridge regression, an ensemble of neural networks, or whichever has the least "
        "cross-validated error (best)",
    )
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
    parser.add_argument("--seed", type=seed, default=0, help="of what is drawn")
    add_progress(parser)
    add_json(parser)
    add_out(parser, "A.parquet")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure or read, judge on networks kept back, fit on all, write and print."""
    from bench.errors import FileError
    from supernet.accuracy.check import compare, kinds_for
    from supernet.accuracy.predictor import fit_accuracy

    if not args.out.parent.is_dir():  # told before minutes of measuring, not after
        raise FileError(f"cannot write {args.out}: the folder {args.out.parent} does not exist")
    measured = _measured(args) if args.table is None else _read(args)
    space, codes, accuracy, told = measured
    compared = compare(space, codes, accuracy, kinds_for(args.model, len(codes)), args.seed)
    best = compared[0]
    fitted = fit_accuracy(space, codes, accuracy, kind=best.kind, seed=args.seed)
    told |= {"seed": args.seed, "compared": [one.to_json() for one in compared]}
    predictor = fitted.with_provenance(told)
    predictor.save(args.out)
    _show(predictor, compared, as_json=args.json)
    found = best.held_out or best.cross_validation
    if found.rmse >= found.constant_rmse:
        print("it predicts no better than a constant: measure more networks", file=sys.stderr)
    print(f"written to {args.out}", file=sys.stderr)
    return 0


def _read(args: argparse.Namespace) -> "Measured":
    """Networks of a table with their accuracies."""
    import numpy as np

    from bench.errors import FileError
    from latency_models.tables.columns import finite_numbers, numbers_of
    from latency_models.tables.networks import NetworksTable
    from ofabench.workflows.latency.networks import space_of

    table = NetworksTable.load(args.table)
    if "accuracy" not in table.frame.columns:
        raise FileError(f"{args.table} lacks the column 'accuracy'; make it again")
    accuracy = finite_numbers(table.frame, "accuracy")
    space = space_of(table, args.space)
    told: dict[str, Any] = {"table": args.table.name, **table.provenance}
    if "accuracy_error" in table.frame.columns:
        told["measured_error"] = float(np.median(numbers_of(table.frame["accuracy_error"])))
    return space, space.codes_of(table.frame), accuracy, told


def _measured(args: argparse.Namespace) -> "Measured":
    """Networks of a checkpoint, drawn and measured now."""
    import numpy as np

    from ofabench.display.progress import get_progress
    from supernet.accuracy.measure import CALIBRATION_IMAGES, choose_networks, measure_pairs
    from supernet.data.open_data import open_data
    from supernet.train.checkpoint import load_trained

    checkpoint = load_trained(args.checkpoint)
    supernet, space = checkpoint.supernet(), checkpoint.space
    data = open_data(checkpoint.data, space, class_names=checkpoint.class_names)
    validation = data.validation.subset(args.images, np.random.default_rng(args.seed))
    codes = choose_networks(space, args.networks, args.seed)
    pairs = measure_pairs(
        supernet,
        codes,
        lambda resolution: data.train_source.calibration(CALIBRATION_IMAGES, resolution),
        validation,
        get_progress(args.progress),
    )
    told = {
        "checkpoint": args.checkpoint.name,
        "data": checkpoint.data,
        "part": "validation",
        "images": len(validation),
        "measured_error": float(np.median(pairs.error)),
    }
    return space, pairs.codes, pairs.accuracy, told


def _show(predictor: "AccuracyPredictor", compared: "Sequence[Compared]", *, as_json: bool) -> None:
    told = predictor.provenance
    if as_json:
        found = predictor.cross_validation.to_json()
        print(json.dumps({**found, "model": predictor.model.kind, **told}))
        return
    low, high, best = predictor.accuracy.min(), predictor.accuracy.max(), compared[0]
    print(f"{len(predictor.codes)} networks of {predictor.space}: accuracy {low:.2%} to {high:.2%}")
    print(f"  fitted          {best.kind}: {predictor.model.settings}")
    for one in compared:
        error = f"{one.cross_validation.rmse:.2%} of {one.cross_validation.pairs}"
        print(f"  {one.kind:<8}        error {error} cross-validated (root mean square)")
    held = best.held_out
    if held is None:
        print("  held out        none: too few networks to keep some back")
    else:
        ranks = [
            f"{name} {'none' if rank is None else f'{rank:.3f}'}"
            for name, rank in (("Kendall", held.kendall), ("Spearman", held.spearman))
        ]
        print(
            f"  held out        error {held.rmse:.2%}, {', '.join(ranks)}: {held.judged} networks"
        )
        print(f"  best constant   error {held.constant_rmse:.2%} on the same networks")
    if "measured_error" in told:
        print(f"  standard error of one measured accuracy {told['measured_error']:.2%}")
