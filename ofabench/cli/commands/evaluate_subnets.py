"""`ofabench evaluate-subnets`: accuracies of a supernet's sub-networks, as a networks table."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.cli.arguments import (
    add_checkpoint,
    add_json,
    add_out,
    add_progress,
    positive_int,
    seed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.protocol.progress import Progress
    from latency_models.tables.networks import NetworksTable
    from supernet.accuracy.store import Conditions, EvaluationStore
    from supernet.data.dataset import Score
    from supernet.space.codes import Codes
    from supernet.space.space import SearchSpace

NETWORKS, IMAGES, CALIBRATION_IMAGES = 200, 2000, 2000
STORE = ".evaluations.jsonl"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "evaluate-subnets",
        help="measure the accuracy of a supernet's sub-networks",
        description="Each network is cut out, its batch norms recalibrated on training images, and "
        "judged on validation images. What is measured is kept in a file beside the output: the "
        "same command goes on where it was stopped, and measures only what is new.",
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--networks",
        type=positive_int,
        metavar="N",
        help=f"networks to draw ({NETWORKS}; with --archs none)",
    )
    parser.add_argument("--archs", type=Path, metavar="A.jsonl", help="networks to measure as well")
    parser.add_argument(
        "--images",
        type=positive_int,
        default=IMAGES,
        metavar="M",
        help=f"images to judge each on ({IMAGES})",
    )
    parser.add_argument(
        "--part",
        choices=("validation",),
        default="validation",
        help="which images (validation: those of the test decide nothing before the end)",
    )
    parser.add_argument(
        "--calibration",
        type=positive_int,
        default=CALIBRATION_IMAGES,
        metavar="N",
        help=f"training images for the batch norms' statistics ({CALIBRATION_IMAGES})",
    )
    parser.add_argument("--data", metavar="NAME", help="data set (that of the training)")
    parser.add_argument("--seed", type=seed, default=0, help="of the networks and images drawn")
    add_progress(parser)
    add_json(parser)
    add_out(parser, "NETWORKS.parquet")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure what is not measured yet, then write the table of all that was asked."""
    import numpy as np

    from bench.errors import FileError
    from ofabench.display.progress import get_progress
    from ofabench.workflows.train.broken_images import tell_broken
    from supernet.accuracy.measure import measure_each
    from supernet.accuracy.store import Conditions, EvaluationStore
    from supernet.data.open_data import open_data
    from supernet.train.checkpoint import load_trained
    from supernet.weights.tensor_file import digest_tensors

    if not args.out.parent.is_dir():  # told before minutes of measuring, not after
        raise FileError(f"cannot write {args.out}: the folder {args.out.parent} does not exist")
    checkpoint = load_trained(args.checkpoint)
    space = checkpoint.space
    names = checkpoint.class_names
    data = open_data(args.data or checkpoint.data, space, class_names=names)
    codes = _codes(args, space)
    validation = data.validation.subset(args.images, np.random.default_rng(args.seed))
    conditions = Conditions(
        space=space.name,
        weights=digest_tensors(checkpoint.network),
        data=data.name,
        part=args.part,
        images=len(validation),
        calibration=min(args.calibration, len(data.train_source)),
        seed=args.seed,
    )
    with EvaluationStore.open(args.out.with_suffix(STORE), conditions) as store:
        missing = codes[[tuple(code) not in store.scores for code in codes.tolist()]]
        _tell_kept(len(codes) - len(missing), len(codes))
        found = measure_each(
            checkpoint.supernet(),
            missing,
            lambda resolution: data.train_source.calibration(conditions.calibration, resolution),
            validation,
        )
        _measure(found, missing, store, get_progress(args.progress))
        scores = [store.scores[tuple(code)] for code in codes.tolist()]
    table = _table(space, codes, scores, {"checkpoint": args.checkpoint.name}, conditions)
    table.save(args.out)
    tell_broken(data.broken())
    _show(table, args)
    return 0


def _codes(args: argparse.Namespace, space: "SearchSpace") -> "Codes":
    """Networks of the file, then those drawn, each once."""
    import numpy as np

    from bench.errors import InputError
    from ofabench.workflows.latency.networks import read_archs
    from supernet.accuracy.measure import choose_networks

    given = space.encode([])
    if args.archs is not None:
        pairs = list(read_archs(args.archs, space))
        others = {of.name for of, _ in pairs} - {space.name}
        if others or not pairs:
            found = f"networks of {', '.join(sorted(others))}" if others else "no network"
            raise InputError(f"{args.archs} holds {found}, the checkpoint is of {space.name}")
        given = space.encode([arch for _, arch in pairs])
    drawn = space.encode([])
    if args.archs is None or args.networks is not None:
        drawn = choose_networks(space, args.networks or NETWORKS, args.seed)
    codes = np.concatenate([given, drawn])
    _, first = np.unique(codes, axis=0, return_index=True)
    return np.asarray(codes[np.sort(first)])


def _tell_kept(kept: int, asked: int) -> None:
    if kept:
        print(f"{kept} of {asked} networks are measured already", file=sys.stderr)


def _measure(
    found: "Iterable[tuple[int, Score]]",
    missing: "Codes",
    store: "EvaluationStore",
    progress: "Progress",
) -> None:
    """Keep what is found of each network as soon as it is measured."""
    from bench.errors import InterruptedSweepError

    progress.start(len(missing), "measuring accuracies")
    try:
        for row, score in found:
            store.add(tuple(missing[row].tolist()), score)
            progress.advance(note=f"{score.accuracy:.1%}")
    except KeyboardInterrupt:
        raise InterruptedSweepError(
            f"stopped; {len(store.scores)} networks are kept in {store.path}: go on with the same "
            "command"
        ) from None
    finally:
        progress.close()


def _table(
    space: "SearchSpace",
    codes: "Codes",
    scores: "Sequence[Score]",
    told: "Mapping[str, str]",
    conditions: "Conditions",
) -> "NetworksTable":
    """Networks with the columns `accuracy` and `accuracy_error`, as fractions."""
    from dataclasses import asdict

    from latency_models.tables.networks import NetworksTable
    from latency_models.tables.storage import origin

    frame = space.frame_of(codes).assign(
        accuracy=[one.accuracy for one in scores], accuracy_error=[one.error for one in scores]
    )
    provenance = {**told, **asdict(conditions), **origin()}
    return NetworksTable(frame=frame, space=space.name, targets={}, provenance=provenance)


def _show(table: "NetworksTable", args: argparse.Namespace) -> None:
    accuracy, error = table.frame["accuracy"], table.frame["accuracy_error"]
    figures = {
        "networks": len(table.frame),
        "least": float(accuracy.min()),
        "mean": float(accuracy.mean()),
        "most": float(accuracy.max()),
        "standard_error": float(error.median()),
    }
    if args.json:
        print(json.dumps({**figures, **table.provenance}))
    else:
        print(
            f"{len(table.frame)} networks of {table.space}: accuracy {figures['least']:.2%} to "
            f"{figures['most']:.2%}, mean {figures['mean']:.2%} on {table.provenance['images']} "
            f"{table.provenance['part']} images"
        )
        print(f"  standard error of one accuracy {figures['standard_error']:.2%}")
    print(f"written to {args.out}", file=sys.stderr)
