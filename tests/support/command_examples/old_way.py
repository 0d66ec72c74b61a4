import argparse


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("old-way", help="adds its arguments itself")
    parser.add_argument("--threads", type=int, default=1)
    parser.set_defaults(run=lambda args: args.threads)
