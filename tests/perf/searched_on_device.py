"""Do networks that a search promises keep their limits? Found, exported, measured later.

    python -m tests.perf.searched_on_device find --latency P.parquet --networks N.parquet \
        --accuracy ofa:FILE --out DIR
    python -m tests.perf.searched_on_device measure --latency P.parquet --out DIR   # an hour later
    python -m tests.perf.searched_on_device report --out DIR

`find` searches under 30 limits, each with and without --confidence 0.95, and exports every network
found (weights at random: the time does not depend on them), with 8 of those that the predictor was
fitted on, which tell the machine's level since. `measure` runs `ofabench verify` on each file, a
process each, one after the other; started again, it goes on. Nothing else may run meanwhile.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.backends.registry import get_backend
from bench.blocks import build_network
from bench.files import read_json, write_text
from latency_models.networks import NetworksTable
from latency_models.predictors import LatencyPredictor
from supernet.accuracy.source import open_accuracy
from supernet.arch import ArchConfig
from supernet.card import Normalisation
from supernet.constraints import latency
from supernet.export import Form, export
from supernet.network_file import CutNetwork
from supernet.search.engine import search
from supernet.space import SearchSpace

SPACE, CONFIDENCE, ANCHORS = "ofa-mbv3-w1.0", 0.95, 8
HOW = ("--loads", "3", "--passes", "10")


@dataclass(frozen=True, slots=True)
class Exported:
    """One file to measure. `kind` is plain, confident or anchor; `known_ms` of anchors alone."""

    name: str
    kind: str
    limit_ms: float | None
    predicted_ms: float
    known_ms: float | None = None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("find", "measure", "report"))
    parser.add_argument("--latency", type=Path, metavar="P.parquet")
    parser.add_argument("--networks", type=Path, metavar="N.parquet", help="that P was fitted on")
    parser.add_argument("--accuracy", metavar="A|ofa:FILE")
    parser.add_argument("--limits", type=int, default=30)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.what == "find":
        find(args)
    elif args.what == "measure":
        measure(args)
    else:
        report(args.out)
    return 0


def find(args: argparse.Namespace) -> None:
    space, predictor = SearchSpace.load(SPACE), LatencyPredictor.load(args.latency)
    accuracy = open_accuracy(args.accuracy)
    backend = predictor.target.backend
    cost = latency(space, predictor, 1.0).costs
    least_ms = float(cost(space.encode([space.smallest()]))[0])
    free = search(space, accuracy.predict, [], seed=0)
    most_ms = float(cost(space.encode([free.arch]))[0])
    exported = []
    for number, limit_ms in enumerate(np.geomspace(least_ms, most_ms, args.limits + 2)[1:-1]):
        for kind, confidence in (("plain", None), ("confident", CONFIDENCE)):
            limit = latency(space, predictor, float(limit_ms), confidence)
            found = search(space, accuracy.predict, [limit], seed=number)
            name = f"{kind}-{number:02d}"
            write_file(space, found.arch, backend, args.out / f"{name}.{backend}")
            ms = found.predictions[limit.name]
            exported.append(Exported(name, kind, float(limit_ms), ms))
            print(f"{name}: {found.accuracy:.2%}, {ms:.3f} of {limit_ms:.3f} ms", flush=True)
    table = NetworksTable.load(args.networks)
    known_ms = table.latencies_ms(table.column_or_only(None))
    order = np.argsort(known_ms)[np.linspace(0, len(known_ms) - 1, ANCHORS).round().astype(int)]
    archs = space.from_frame(table.frame)
    for number, row in enumerate(order.tolist()):
        name = f"anchor-{number:02d}"
        write_file(space, archs[row], backend, args.out / f"{name}.{backend}")
        ms = float(cost(space.encode([archs[row]]))[0])
        exported.append(Exported(name, "anchor", None, ms, float(known_ms[row])))
    lines = [json.dumps({f: getattr(one, f) for f in Exported.__slots__}) for one in exported]
    write_text(args.out / "exported.jsonl", "\n".join(lines) + "\n")


def write_file(space: SearchSpace, arch: ArchConfig, backend: str, out: Path) -> None:
    torch.manual_seed(0)
    blocks = space.blocks(arch)
    cut = CutNetwork(
        space=space.name,
        arch=arch,
        blocks=blocks,
        network=build_network(blocks).eval(),
        normalisation=Normalisation(mean=(0.0,) * 3, std=(1.0,) * 3),
        provenance={"weights": "random"},
    )
    export(cut, Form(backend=get_backend(backend)), out)


def read_exported(folder: Path) -> list[Exported]:
    lines = (folder / "exported.jsonl").read_text().splitlines()
    return [Exported(**json.loads(line)) for line in lines]


def measure(args: argparse.Namespace) -> None:
    """Measure in an order that spreads each kind and size over the time it takes."""
    exported = read_exported(args.out)
    backend = LatencyPredictor.load(args.latency).target.backend
    began = time.monotonic()
    for number, place in enumerate(np.random.default_rng(0).permutation(len(exported)).tolist()):
        one = exported[place]
        verdict = args.out / f"{one.name}.verified.json"
        if verdict.exists():
            continue
        command = [sys.executable, "-m", "ofabench", "verify", f"{args.out / one.name}.{backend}",
                   "--latency", str(args.latency), *HOW, "--out", str(verdict)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not verdict.exists():
            raise SystemExit(f"{one.name}: {done.stderr}")
        print(f"{number + 1}/{len(exported)}, {time.monotonic() - began:.0f} s", flush=True)


def report(folder: Path) -> None:
    exported = read_exported(folder)
    verdicts = {one.name: read_json(folder / f"{one.name}.verified.json") for one in exported}
    measured = {name: float(verdict["measured_ms"]) for name, verdict in verdicts.items()}
    since = np.median([measured[o.name] / o.known_ms for o in exported if o.known_ms is not None])
    levels: dict[str, Callable[[str], float]] = {
        "as measured": lambda name: measured[name],
        "level by the references out": lambda name: float(verdicts[name]["levelled_ms"]),
        f"level {since:.3f} by {ANCHORS} networks out": lambda name: measured[name] / float(since),
    }
    print("| networks | latency | within the limit | bias | within 5 % | mean error | worst |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind in ("plain", "confident"):
        of_kind = [one for one in exported if one.kind == kind]
        predicted = np.array([one.predicted_ms for one in of_kind])
        limits = np.array([one.limit_ms for one in of_kind])
        for told, level in levels.items():
            ms = np.array([level(one.name) for one in of_kind])
            error = predicted / ms - 1
            print(
                f"| {kind} | {told} | {(ms <= limits).sum()} of {len(ms)} | {error.mean():+.2%} | "
                f"{(np.abs(error) <= 0.05).mean():.0%} | {np.abs(error).mean():.2%} | "
                f"{(ms / limits).max() - 1:+.2%} over the limit |"
            )


if __name__ == "__main__":
    sys.exit(main())
