"""Do networks that were searched under limits keep them in later sessions?

    python -m experiments.limits_in_sessions find --latency P.parquet --accuracy ofa:A.pth --out DIR
    python -m experiments.limits_in_sessions loop --latency P.parquet --accuracy ofa:A.pth --out DIR
    python -m experiments.limits_in_sessions measure --latency P.parquet --out DIR
    python -m experiments.limits_in_sessions report --out DIR

`find` searches under 30 limits, each without a margin, with a margin for the predictor's error
alone (what `--confidence` once was), and with the whole one. `loop` searches under the same limits
with the device in the loop; stopped, it continues. `measure` is one measurement session:
it times all networks in a process by itself, while nothing else may run; do it in at least three
sessions, as far apart as the limits are to hold. `report` counts, by session and margin, how many
networks were within their limit as measured. Networks of one session move together: thirty of them
in three sessions say about as much of drift as three networks.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from bench.errors import InfeasibleError, OfabenchError
from bench.files import read_json, write_text
from bench.sweep.store import SweepStore
from latency_models.predictors.predictor import LatencyPredictor
from ofabench.launcher import launch
from ofabench.options.device import DeviceOptions
from ofabench.options.search import SearchOptions
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.search.limits import LatencyLimit
from ofabench.workflows.search.loop.search import search_on_device
from ofabench.workflows.search.result import SearchResult
from ofabench.workflows.search.search import latency_limit, search
from ofabench.workflows.sweep.sweep import sweep_part
from supernet.space.space import SearchSpace

NONE, PREDICTION, WHOLE = "no margin", "prediction error alone", "whole margin"
MARGINS = (NONE, PREDICTION, WHOLE)
LOOP = "device in the loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A network found under a limit; `accuracy` is predicted, a fraction."""

    margin: str
    limit_ms: float
    line: str
    predicted_ms: float
    bound_ms: float | None
    accuracy: float
    deciding_ms: float | None = None  # of the loop: the deciding measurement, and all that it took
    tries: int = 0
    seconds: float = 0.0


def _read(path: Path) -> list[Searched]:
    return [Searched(**entry) for entry in read_json(path)] if path.exists() else []


def _write(path: Path, searched: Sequence[Searched]) -> None:
    write_text(path, json.dumps([asdict(entry) for entry in searched], indent=1) + "\n")


def main() -> int:
    """Find, measure or report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("find", "loop", "measure", "report"))
    parser.add_argument("--latency", type=Path, metavar="P.parquet")
    parser.add_argument("--accuracy", metavar="A.parquet|ofa:FILE")
    parser.add_argument("--limits", type=int, default=30)
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--horizon", default="1h")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        if args.what == "find":
            _find(args)
        elif args.what == "loop":
            _loop(args)
        elif args.what == "measure":
            _measure(args.out, LatencyPredictor.load(args.latency))
        else:
            print("\n".join(_report(args.out)))
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command continues", file=sys.stderr)
        return 130
    return 0


def _find(args: argparse.Namespace) -> None:
    predictor = LatencyPredictor.load(args.latency)
    options = SearchOptions(budget=8000, patience=40)
    fastest_ms = _edge_ms(args, predictor, 1e6, largest=False)
    slowest_ms = _edge_ms(args, predictor, 1e6, largest=True)
    result = []
    for limit_ms in np.geomspace(1.3 * fastest_ms, slowest_ms, args.limits).tolist():
        for margin in MARGINS:
            limit = _limit(predictor, limit_ms, margin, args)
            outcome = search(None, args.accuracy, limit, options)
            result.append(_searched(outcome, margin, limit_ms, predictor))
            print(f"{margin}, {limit_ms:.2f} ms: {outcome.accuracy:.2%}", flush=True)
    _write(args.out / "searched.json", result)


def _loop(args: argparse.Namespace) -> None:
    """Search with the device in the loop under each limit; results of earlier runs are kept."""
    predictor = LatencyPredictor.load(args.latency)
    path = args.out / "looped.json"
    done = _read(path)
    limits_ms = [
        entry.limit_ms for entry in _read(args.out / "searched.json") if entry.margin == NONE
    ]
    for number, limit_ms in enumerate(limits_ms):
        if any(measurement.limit_ms == limit_ms for measurement in done):
            continue
        started = time.monotonic()
        try:
            result = search_on_device(
                None,
                args.accuracy,
                _limit(predictor, limit_ms, WHOLE, args),
                "cpu",
                folder=args.out / f"loop-{number:02d}",
                options=SearchOptions(budget=8000, patience=40),
            )
        except InfeasibleError as error:
            print(f"{limit_ms:.2f} ms: {error}", flush=True)
            continue
        entry = replace(
            _searched(result.result, LOOP, limit_ms, predictor),
            deciding_ms=result.chosen_try.raw_ms,
            tries=len(result.tries),
            seconds=time.monotonic() - started,
        )
        done = [*done, entry]
        _write(path, done)
        print(f"{limit_ms:.2f} ms: {result.limit_met}, {entry.seconds:.0f} s", flush=True)


def _edge_ms(
    args: argparse.Namespace, predictor: LatencyPredictor, limit_ms: float, *, largest: bool
) -> float:
    """Return the latency of the most accurate network, or of the smallest."""
    limit = latency_limit(predictor, limit_ms)
    free = search(None, args.accuracy, limit, SearchOptions(budget=4000, patience=20))
    if largest:
        return float(free.predictions[predictor.target.key])
    return predictor.predict(free.space.blocks(free.space.smallest(free.space.resolutions[0]))).ms


def _limit(
    predictor: LatencyPredictor, limit_ms: float, margin: str, args: argparse.Namespace
) -> LatencyLimit:
    if margin == NONE:
        return latency_limit(predictor, limit_ms)
    whole = latency_limit(predictor, limit_ms, confidence=args.confidence, horizon=args.horizon)
    if margin == WHOLE or whole.margin is None:
        return whole
    alone = whole.margin.parts(predictor.composition.spread)["prediction"]
    return latency_limit(predictor, limit_ms / (1 + alone))


def _searched(
    search_result: SearchResult, margin: str, limit_ms: float, predictor: LatencyPredictor
) -> Searched:
    key = predictor.target.key
    return Searched(
        margin=margin,
        limit_ms=limit_ms,
        line=search_result.space.to_line(search_result.arch),
        predicted_ms=search_result.predictions[key],
        bound_ms=search_result.bounds.get(key),
        accuracy=search_result.accuracy,
    )


def _measure(out: Path, predictor: LatencyPredictor) -> None:
    target, number = predictor.target, int(time.time())
    searched = [*_read(out / "searched.json"), *_read(out / "looped.json")]
    archs = out / f"session-{number}.jsonl"
    lines = dict.fromkeys(entry.line for entry in searched)
    write_text(archs, "".join(f"{line}\n" for line in lines))
    space = SearchSpace.load(str(predictor.provenance["space"]))
    sweep = SweepOptions(
        archs=archs,
        blocks=0,
        threads=target.threads,
        replicates=3,
        rounds=8,
        seed=number % 100_000,
    )
    request = SweepRequest(
        space=space.name,
        device=DeviceOptions(device="cpu"),
        backend=(target.backend,),
        sweep=sweep,
        out=out / f"session-{number}.sqlite",
    )
    done = launch(sweep_part, request)
    summary = done["summary"]
    print(f"{request.out}: {summary['networks']} networks in {summary['wall_s']:.0f} s")


def _report(out: Path) -> Iterator[str]:
    searched, looped = _read(out / "searched.json"), _read(out / "looped.json")
    kinds = [*MARGINS, *([LOOP] if looped else [])]
    searched += looped
    yield "| session | margin | within the limit, as measured | latency over limit, median |"
    yield "| --- | --- | --- | --- |"
    for path in sorted(out.glob("session-*.sqlite")):
        with SweepStore.open(path) as store:
            started_at = store.sessions()[0].started_at
            raw_ms = {
                measurement.workload.label: measurement.raw_ms
                for measurement in store.measurements()
                if measurement.workload.role == "network"
            }
        for margin in kinds:
            own = [entry for entry in searched if entry.margin == margin and entry.line in raw_ms]
            if not own:
                continue
            over = np.array([raw_ms[entry.line] / entry.limit_ms for entry in own])
            yield (
                f"| {started_at[:16]} | {margin} | {(over <= 1).sum()} of {len(own)} | "
                f"{np.median(over) - 1:+.1%} |"
            )
    yield "\npoints of predicted accuracy below that without a margin, in the mean:"
    for margin in kinds[1:]:
        accuracy = {entry.limit_ms: entry.accuracy for entry in searched if entry.margin == margin}
        plain = {entry.limit_ms: entry.accuracy for entry in searched if entry.margin == NONE}
        cost = np.mean([plain[limit_ms] - reached for limit_ms, reached in accuracy.items()])
        yield f"- {margin}: {100 * cost:.2f} ({len(accuracy)} limits)"
    if looped:
        met = sum(
            entry.deciding_ms is not None and entry.deciding_ms <= entry.limit_ms
            for entry in looped
        )
        tries, seconds = sum(entry.tries for entry in looped), [entry.seconds for entry in looped]
        yield (
            f"\nin the loop, {met} of {len(looped)} met their limit at the deciding measurement, "
            f"by {tries} tries in all; {np.median(seconds):.0f} s a limit in the median"
        )


if __name__ == "__main__":
    sys.exit(main())
