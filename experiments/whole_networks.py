"""How well are whole networks predicted on this machine? The tables of docs, regenerated.

    python experiments/whole_networks.py --out runs/networks [--targets onnx:1,onnx:2,tflite:1,...]

For each target, a backend and a number of threads, in separate processes: the blocks of two
thirds of the space's resolutions and 20 networks are swept, and a predictor is fitted on them; 300
other networks of all resolutions judge it, and are measured once more, which is how true anything
could be; 30 networks that a search finds under 30 limits are measured last. Nothing else may run
meanwhile; about 8 minutes a target. Started again, it continues where it was stopped.
"""

import argparse
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import OfabenchError
from bench.files import write_text
from experiments.network_figures import HEAD, figures_of
from experiments.network_steps import Amount, TargetSteps
from experiments.searched_networks import anchor_lines, write_searched
from experiments.steps import run_steps
from supernet.space.space import SearchSpace

ALL = "onnx:1,onnx:2,tflite:1,tflite:2,torch:1,torch:2"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--targets", default=ALL, metavar="B:N,...", help=f"default {ALL}")
    parser.add_argument("--space", default="ofa-mbv3-w1.0")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--judged", type=int, default=300)
    parser.add_argument("--limits", type=int, default=30, help="networks to search")
    parser.add_argument("--only-report", action="store_true", help="of what is measured already")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    amount = Amount(space=args.space, device=args.device, judged=args.judged)
    targets = [
        TargetSteps(folder=args.out, backend=word.partition(":")[0],
                    threads=int(word.partition(":")[2] or 1), amount=amount)
        for word in args.targets.split(",")
    ]  # fmt: skip
    try:
        if not args.only_report:
            measure(targets, SearchSpace.load(args.space), args.limits)
        report(targets)
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def measure(targets: list[TargetSteps], space: SearchSpace, limits: int) -> None:
    """Measure the targets in turn, so that compared sweeps are far apart in time."""

    def say(line: str) -> None:
        print(f"{datetime.now(UTC):%H:%M:%S} {line}", file=sys.stderr)

    for target in targets:
        run_steps(target.fitting(), say)
        anchors = anchor_lines(space, target.at("fit-n.parquet"), target.amount.anchors)
        write_text(target.at("anchors.jsonl"), "\n".join(anchors) + "\n")
        write_searched(
            space, target.at("predictor.parquet"), anchors, target.at("searched.jsonl"), limits
        )
    for name in ("again", "judge", "searched"):
        for target in targets:
            run_steps(target.judging(name), say)


def report(targets: list[TargetSteps]) -> None:
    print(f"{platform.machine()}, {datetime.now(UTC):%Y-%m-%d}\n\n{HEAD}")
    result = {}
    for target in targets:
        result[target.name] = figures_of(target)
        for line in result[target.name].lines():
            print(line)
    text = json.dumps({name: figures.to_json() for name, figures in result.items()}, indent=2)
    (targets[0].folder / "figures.json").write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
