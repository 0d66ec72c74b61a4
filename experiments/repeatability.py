"""Compare two sweeps of one target, block by block.

    python experiments/repeatability.py A.sqlite B.sqlite [--json]

Prints the median and the 95th percentile of the relative difference of the blocks' latencies, with
drift-corrected and raw; the share of one sweep's 95 % intervals that hold the
other's medians (near 0.95 they are honest), both ways; and wall seconds a block.
"""

import argparse
import json
import sys
from pathlib import Path

from bench.errors import OfabenchError
from bench.sweep.repeatability import compare_sweeps


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweeps", nargs=2, type=Path, metavar="SWEEP.sqlite")
    parser.add_argument("--role", default="block", choices=("block", "network", "reference"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        figures = compare_sweeps(*args.sweeps, role=args.role)
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:<32} {value:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
