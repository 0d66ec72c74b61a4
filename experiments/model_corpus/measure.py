"""Measure the corpus: once with its operators, to fit on, and again, to evaluate on.

    python -m experiments.model_corpus.measure fit --corpus CORPUS --out RUN [--runtime tflite]
    python -m experiments.model_corpus.measure judge --corpus CORPUS --out RUN [--runtime tflite]

Each is a process and a session. All models of a session are measured in the same rounds. A stopped
one continues where it was when it is started again. Prints seconds a model and an operator.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import ofabench as ob
from bench.errors import OfabenchError
from bench.protocol.progress import NoProgress
from bench.sweep.store import SweepStore
from experiments.model_corpus.corpus import RUNTIMES, files_of, kept


class Lines(NoProgress):
    """A line every 20 s."""

    def __init__(self) -> None:
        self.total, self.done, self.text, self.shown = 0, 0, "", 0.0

    def start(self, total: int, what: str) -> None:
        self.total, self.done, self.text = total, 0, what
        print(f"{what}: {total} steps", flush=True)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.done += steps
        if time.monotonic() - self.shown > 20:
            self.shown = time.monotonic()
            print(f"{self.text}: {self.done}/{self.total} {note}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the corpus.")
    parser.add_argument("session", choices=("fit", "judge"))
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runtime", choices=RUNTIMES, default="onnx")
    parser.add_argument("--replicates", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-operators", action="store_true")
    parser.add_argument("--force", action="store_true", help="for tries on a busy machine")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    options = ob.MeasureOptions(
        operators=args.session == "fit" and not args.without_operators,
        replicates=args.replicates,
        rounds=args.rounds,
        seed=0 if args.session == "fit" else 1,
        force=args.force,
    )
    path = kept(args.out, args.runtime, args.session)
    started = time.monotonic()
    try:
        measured = ob.measure(
            files_of(args.corpus, args.runtime),
            "cpu",
            options=options,
            keep=path,
            resume=path.exists(),
            progress=Lines(),
        )
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    for name, reason in measured.failures.items():
        print(f"FAILED {name}: {reason}")
    if not path.exists():
        print("nothing was measured: try --without-operators")
        return 2
    note = summary(path, time.monotonic() - started)
    print(json.dumps(note))
    path.with_suffix(".json").write_text(json.dumps(note), encoding="utf-8")
    return 0


def summary(path: Path, seconds: float) -> dict[str, float]:
    """Return counts of what a session measured, and the seconds each kind of it took to run.

    The time of loading, cutting and starting processes is what is left of `seconds`.
    """
    with SweepStore.open(path) as store:
        measured = list(store.measurements())
    spent = {"model": 0.0, "operator": 0.0}
    counts = {"model": 0, "operator": 0}
    for each in measured:
        if each.workload.role in spent:
            spent[each.workload.role] += float(each.samples_ns.sum()) / 1e9
            counts[each.workload.role] += 1
    return {
        "seconds": round(seconds, 1),
        "models": counts["model"],
        "operators": counts["operator"],
        "seconds_of_a_model": round(spent["model"] / max(counts["model"], 1), 4),
        "seconds_of_an_operator": round(spent["operator"] / max(counts["operator"], 1), 5),
        "seconds_of_the_rest": round(seconds - sum(spent.values()), 1),
    }


if __name__ == "__main__":
    sys.exit(main())
