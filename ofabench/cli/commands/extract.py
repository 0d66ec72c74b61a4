"""`ofabench extract`: one sub-network of a supernet, with weights of its own."""

import argparse
import json

from ofabench.cli.arguments import add_checkpoint, add_out, add_pick


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "extract",
        help="cut a sub-network out of a supernet, with weights of its own",
        description="Its batch-norm statistics are taken anew, on training images.",
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--arch",
        required=True,
        metavar="R.json|A.jsonl",
        help="a search's result, an archs file of one line, or one of the words largest, smallest",
    )
    add_pick(parser)
    parser.add_argument(
        "--data",
        metavar="NAME|FOLDER",
        help="images for the statistics (default: what the checkpoint was trained on)",
    )
    add_out(parser, "NET.safetensors")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Cut the network out, recalibrate it, and write it."""
    from ofabench.workflows.train.broken_images import tell_broken
    from ofabench.workflows.train.extraction import from_checkpoint
    from supernet.export.network_file import save_network

    cut = from_checkpoint(args.checkpoint, args.arch, args.data, args.pick)
    network = cut.network
    save_network(args.out, network)
    if cut.data is not None:
        tell_broken(cut.data.broken())
    macs, params = sum(b.macs for b in network.blocks), sum(b.params for b in network.blocks)
    print(json.dumps({"space": network.space, **network.arch.to_json()}))
    print(f"  {macs:,} multiply-adds, {params:,} parameters: {args.out}")
    return 0
