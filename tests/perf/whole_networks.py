"""How well are whole networks predicted on this machine? The table of README, regenerated.

    python tests/perf/whole_networks.py --out runs/networks [--backends onnx,tflite,torch]

For each backend: every block of the space at four resolutions and 20 whole networks are swept, a
predictor is fitted, and 60 other networks, swept by another process, judge it. Nothing else may
run meanwhile; 5 to 10 minutes a backend. Started again, it goes on where it was stopped.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench.errors import OfabenchError
from ofabench.steps import Step, run_steps

HEAD = (
    "| backend | predictor | within 5 % | within 10 % | Spearman | mean error |\n"
    "| --- | --- | --- | --- | --- | --- |"
)
ROWS = {"plain_sum": "sum of blocks", "macs_alone": "MACs alone", "best_constant": "best constant"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--backends", default="onnx,tflite,torch")
    parser.add_argument("--space", default="ofa-mbv3-w1.0")
    parser.add_argument("--resolutions", default="128,160,192,224")
    parser.add_argument("--networks", type=int, default=20, help="to fit on")
    parser.add_argument("--judged", type=int, default=60)
    parser.add_argument("--passes", default="30", help="of the sweep to fit on")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(HEAD)
    try:
        for backend in args.backends.split(","):
            run_steps(steps_for(backend, args), lambda line: print(line, file=sys.stderr))
            show(backend, json.loads((args.out / f"{backend}.json").read_text()))
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def steps_for(backend: str, args: argparse.Namespace) -> list[Step]:
    def at(name: str) -> Path:
        return Path(args.out / f"{backend}-{name}")

    on = ("--space", args.space, "--device", "cpu", "--backend", backend)
    sweep = ("sweep", *on, "--resolutions", args.resolutions)
    every = ("--networks", f"{args.networks}", "--seed", "0", "--passes", args.passes)
    other = ("--blocks", "1", "--networks", f"{args.judged}", "--seed", "1", "--passes", "12")
    steps = []
    for name, how in (("fit", every), ("judge", other)):
        store, blocks, networks = (
            at(f"{name}.sqlite"),
            at(f"{name}.parquet"),
            at(f"{name}-n.parquet"),
        )
        steps += [
            Step(
                title=f"{backend}: sweep to {name}",
                argv=(*sweep, *how, "--out", f"{store}"),
                makes=networks,
                resumes=store,
            ),
            Step(
                title=f"{backend}: tables to {name}",
                argv=(
                    "table",
                    "build",
                    f"{store}",
                    "--out",
                    f"{blocks}",
                    "--networks-out",
                    f"{networks}",
                ),
                makes=networks,
            ),
        ]
    predictor, verdict = at("predictor.parquet"), args.out / f"{backend}.json"
    return [
        *steps,
        Step(
            title=f"{backend}: fit",
            argv=(
                "fit",
                f"{at('fit.parquet')}",
                "--networks",
                f"{at('fit-n.parquet')}",
                "--out",
                f"{predictor}",
            ),
            makes=predictor,
        ),
        Step(
            title=f"{backend}: judge",
            argv=("evaluate", f"{predictor}", "--networks", f"{at('judge-n.parquet')}", "--json"),
            makes=verdict,
            keeps_stdout=True,
        ),
    ]


def show(backend: str, verdict: dict[str, Any]) -> None:
    print(row(backend, "fitted", verdict))
    if verdict["levelled"]:
        print(
            row(backend, f"fitted, level {verdict['level']:.3f} divided out", verdict["levelled"])
        )
    for name, title in ROWS.items():
        if verdict[name]:
            print(row(backend, title, verdict[name]))
    repeat = verdict["repeatability"]
    if repeat:
        share = f"{repeat['within_5']:.0%} | {repeat['within_10']:.0%}"
        print(f"| {backend} | repeatability of the networks | {share} | | {repeat['median']:.1%} |")


def row(backend: str, title: str, figures: dict[str, Any]) -> str:
    rank = "-" if figures["spearman"] is None else f"{figures['spearman']:.3f}"
    share = f"{figures['within_5']:.0%} | {figures['within_10']:.0%}"
    return f"| {backend} | {title} | {share} | {rank} | {figures['mape']:.1%} |"


if __name__ == "__main__":
    sys.exit(main())
