"""Do networks that a search promises keep their limits? Found, exported, measured later.

    python -m experiments.searched_on_device find --latency P.parquet --networks N.parquet \
        --accuracy ofa:FILE --out DIR
    python -m experiments.searched_on_device measure --latency P.parquet --out DIR   # an hour later
    python -m experiments.searched_on_device together --latency P.parquet --out DIR
    python -m experiments.searched_on_device report --out DIR

`find` searches under 30 limits, each without and with --confidence 0.95, and that with
--session-spread 0.021, and exports every network found (weights at random: the time does not
depend on them), with 8 of those that the predictor was fitted on, which tell the machine's level
since. `measure` runs `ofabench verify` on each file, a process each; started again, it goes on. On
a noisy machine each such process meets another moment, so `together` sweeps all of them in the
same passes, twice: how far the two sweeps differ is the noise of what the predictions are judged
on. Nothing else may run meanwhile.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.backends.registry import get_backend
from bench.blocks.torch_modules import build_network
from bench.files import read_json, write_text
from experiments.steps import Step, run_steps
from latency_models.predictors.margins import margin_of
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from supernet.accuracy.source import open_accuracy
from supernet.constraints.constraints import latency
from supernet.constraints.constraints import measured as measured_alone
from supernet.export.card import Normalisation
from supernet.export.export import Form, export
from supernet.export.network_file import CutNetwork
from supernet.search.engine import search
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace

SPACE, CONFIDENCE, ANCHORS = "ofa-mbv3-w1.0", 0.95, 8
# 8 networks that were swept again 45 minutes later differed by 2.1 %, the level divided out
# (runs of `experiments.whole_networks` on the same day, four hours before).
BETWEEN = 0.021
KINDS = (
    ("plain", None, 0.0),
    ("confident", CONFIDENCE, 0.0),
    ("between-sessions", CONFIDENCE, BETWEEN),
)
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
    parser.add_argument("what", choices=("find", "measure", "together", "report"))
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
    elif args.what == "together":
        together(args)
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
    guesses = measured_alone(space, predictor)  # networks with such blocks are left out, as usual
    exported = []
    for number, limit_ms in enumerate(np.geomspace(least_ms, most_ms, args.limits + 2)[1:-1]):
        for kind, confidence, between in KINDS:
            margin = None
            if confidence is not None:
                margin = margin_of(predictor, confidence, horizon_s=3600, session_spread=between)
            limit = latency(space, predictor, float(limit_ms), margin)
            limits = [limit, *([] if guesses is None else [guesses])]
            found = search(space, accuracy.predict, limits, seed=number)
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


def together(args: argparse.Namespace) -> None:
    """Sweep every network in the same passes, in two processes one after the other."""
    space, target = SearchSpace.load(SPACE), LatencyPredictor.load(args.latency).target
    archs = args.out / "archs.jsonl"
    lines = [space.to_line(arch_of(args.out, one.name)) for one in read_exported(args.out)]
    write_text(archs, "\n".join(dict.fromkeys(lines)) + "\n")

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    for number in (1, 2):
        store, table = (args.out / f"together-{number}{end}" for end in (".sqlite", "-n.parquet"))
        blocks = args.out / f"together-{number}.parquet"
        sweep = ("sweep", "--space", SPACE, "--device", "cpu", "--backend", target.backend,
                 "--threads", f"{target.threads}", "--blocks", "1", "--archs", f"{archs}",
                 "--loads", "4", "--passes", "12", "--out", f"{store}")  # fmt: skip
        build = ("table", "build", f"{store}", "--out", f"{blocks}", "--networks-out", f"{table}")
        run_steps(
            [
                Step(title="sweep", argv=sweep, makes=table, resumes=store),
                Step(title="tables", argv=build, makes=table),
            ],
            say,
        )


def arch_of(folder: Path, name: str) -> ArchConfig:
    (card,) = folder.glob(f"{name}.*[!d].json")
    return ArchConfig.from_json(read_json(card)["arch"])


def swept(folder: Path, number: int) -> dict[str, float]:
    """Latency of each file's network in one of the two sweeps, ms."""
    space = SearchSpace.load(SPACE)
    table = NetworksTable.load(folder / f"together-{number}-n.parquet")
    codes = [code.tobytes() for code in space.codes_of(table.frame)]
    ms = dict(zip(codes, table.latencies_ms(table.column_or_only(None)).tolist(), strict=True))
    names = [one.name for one in read_exported(folder)]
    return {name: ms[space.encode([arch_of(folder, name)])[0].tobytes()] for name in names}


def report(folder: Path) -> None:
    exported = read_exported(folder)
    ways = {}
    if all((folder / f"{one.name}.verified.json").exists() for one in exported):
        ways["a process each"] = {
            one.name: float(read_json(folder / f"{one.name}.verified.json")["measured_ms"])
            for one in exported
        }
    if (folder / "together-2-n.parquet").exists():
        first, second = swept(folder, 1), swept(folder, 2)
        ratio = np.array([second[name] / first[name] for name in first])
        out = np.abs(ratio / np.median(ratio) - 1)
        print(f"measured twice: level {np.median(ratio) - 1:+.2%}, beside it {out.mean():.2%} in "
              f"the mean, {np.quantile(out, 0.95):.2%} at p95\n")  # fmt: skip
        ways |= {"all in the same passes": first, "the same, once more": second}
    print("| networks | measured | level | within the limit | bias | within 5 % | mean error |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for way, measured in ways.items():
        anchors = [(measured[one.name], one.known_ms) for one in exported if one.known_ms]
        since = float(np.median([ms / known for ms, known in anchors]))
        spread = np.std([np.log(ms / known) for ms, known in anchors])
        for kind, *_ in KINDS:
            of_kind = [one for one in exported if one.kind == kind]
            predicted = np.array([one.predicted_ms for one in of_kind])
            limits = np.array([one.limit_ms for one in of_kind])
            ms = np.array([measured[one.name] for one in of_kind])
            for told, level in (("left in", 1.0), (f"{since:.3f} out (anchors' spread "
                                                   f"{spread:.1%})", since)):  # fmt: skip
                error = predicted / (ms / level) - 1
                print(
                    f"| {kind} | {way} | {told} | {(ms / level <= limits).sum()} of {len(ms)} | "
                    f"{error.mean():+.2%} | {(np.abs(error) <= 0.05).mean():.0%} | "
                    f"{np.abs(error).mean():.2%} |"
                )


if __name__ == "__main__":
    sys.exit(main())
