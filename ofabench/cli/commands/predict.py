"""`ofabench predict`: the latency of networks, one JSON line each."""

import argparse
from pathlib import Path

from bench.errors import InputError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `predict`."""
    parser = subparsers.add_parser("predict", help="predict the latency of networks")
    parser.add_argument("predictor", type=Path, metavar="P.parquet")
    parser.add_argument("--archs", type=Path, required=True, metavar="A.jsonl")
    parser.add_argument(
        "--space",
        metavar="NAME|FILE.toml|onehot",
        help="of networks that do not name theirs, or where it is not a shipped one",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print, for each line, its network with its latency, that's spread, and what is guessed."""
    import json

    from latency_models.predictors.predictor import LatencyPredictor
    from ofabench.workflows.latency.networks import read_archs
    from ofabench.workflows.latency.onehot import predict_onehot
    from ofabench.workflows.latency.spaces import ONEHOT
    from supernet.space.space import SearchSpace

    if args.space == ONEHOT:
        for line in list(predict_onehot(args.predictor, args.archs)):
            print(json.dumps(line))
        return 0
    predictor = LatencyPredictor.load(args.predictor)
    # All are read before any is printed: a bad line yields no half of a result.
    space = None if args.space is None else SearchSpace.load(args.space)
    networks = list(read_archs(args.archs, space))
    if not networks:
        raise InputError(f"{args.archs} holds no network")
    for space, arch in networks:
        prediction = predictor.predict(space.blocks(arch))
        told = {
            "space": space.name,
            **arch.to_json(),
            "latency_ms": prediction.ms,
            "std_ms": prediction.std_ms,
            "target": predictor.target.key,
            "unmeasured": [block.key for block in prediction.unmeasured],
            "extrapolated": [block.key for block in prediction.extrapolated],
        }
        print(json.dumps(told))
    return 0
