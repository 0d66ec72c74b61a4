"""How far do networks drift from session to session here, and does the margin cover it?

    python -m experiments.drift_log measure --out runs/drift --every 5m --for 90m
    python -m experiments.drift_log report --out runs/drift

`measure` times 16 networks of ofa-mbv3-w1.0 on each backend, every session in a process by itself,
while nothing else may run. Started again, it adds sessions to those that are there, also on another
day. `report` gives the variance of the log ratio of two sessions by the gap between them, and
replays the log: from some sessions in a row, the bounds of the networks that are no anchors are
judged in sessions 10, 30 and 60 minutes later, which nothing was fitted on.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.drift.log import Anchor, AnchorSession, DriftLog, Stretch, choose_anchors
from bench.errors import OfabenchError
from bench.options import SECONDS
from bench.sweep.store import SweepStore
from latency_models.drift.margin import Margin
from latency_models.drift.model import DriftModel
from ofabench.launcher import launch
from ofabench.options.device import DeviceOptions
from ofabench.options.sweep import SweepOptions, SweepRequest
from ofabench.workflows.sweep.sweep import sweep_part
from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]

SPACE, NETWORKS, DRAWN = "ofa-mbv3-w1.0", 16, 400
NOMINAL = (0.5, 0.8, 0.9, 0.95, 0.99)
GAPS_MIN = (10.0, 30.0, 60.0)
KNOWN = (1, 3, 6)  # sessions in a row that a fit sees
NEAR = 0.4  # a session is at a gap where it is within so much of it


def main() -> int:
    """Measure or report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("measure", "report"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--backends", default="onnx,tflite")
    parser.add_argument("--every", default="5m", metavar="TIME")
    parser.add_argument("--for", dest="during", default="90m", metavar="TIME")
    args = parser.parse_args()
    try:
        if args.what == "measure":
            _measure(
                args.out, args.backends.split(","), _seconds(args.every), _seconds(args.during)
            )
        for backend in args.backends.split(","):
            print("\n".join(_report(args.out, backend)))
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _seconds(text: str) -> float:
    result = SECONDS.parse(text, bare=False)
    if result is None:
        raise SystemExit(f"expected a time like 5m, got {text!r}")
    return result


# --- measuring


def _measure(out: Path, backends: Sequence[str], every_s: float, during_s: float) -> None:
    out.mkdir(parents=True, exist_ok=True)
    archs = out / "networks.jsonl"
    if not archs.exists():
        archs.write_text("".join(f"{line}\n" for line in _networks()))
    end_s = time.time() + during_s
    while time.time() < end_s:
        started_s = time.time()
        for backend in backends:
            number = int(time.time())
            request = SweepRequest(
                space=SPACE,
                device=DeviceOptions(device="cpu"),
                backend=(backend,),
                sweep=SweepOptions(
                    archs=archs, blocks=0, replicates=2, rounds=8, burst=2, seed=number % 100_000
                ),
                out=out / f"{backend}-{number}.sqlite",
            )
            launch(sweep_part, request)
            print(f"{time.strftime('%H:%M:%S')} {request.out.name}", flush=True)
        time.sleep(max(0.0, started_s + every_s - time.time()))


def _networks() -> list[str]:
    """Networks spread over the range of MACs, as lines of an archs file."""
    space = SearchSpace.load(SPACE)
    archs = space.sample(np.random.default_rng(23), DRAWN)
    macs = [sum(block.macs for block in space.blocks(arch)) for arch in archs]
    return [space.to_line(archs[row]) for row in choose_anchors(macs, NETWORKS)]


# --- reporting


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Latencies of the networks: `times` as ISO 8601, `ms` (sessions, networks) as measured."""

    times: tuple[str, ...]
    ms: Floats
    stretches: tuple[tuple[Stretch, ...], ...]  # by session
    anchors: tuple[Anchor, ...]  # latencies to be replaced: only their networks count
    places: list[int]  # of the anchors among the networks

    @property
    def unix_s(self) -> Floats:
        return np.array(
            [AnchorSession(started_at=started_at, ms=(1.0,)).unix_s for started_at in self.times]
        )


def _read(out: Path, backend: str) -> Sessions:
    times, rows, networks, stretches = [], [], [], []
    for path in sorted(out.glob(f"{backend}-*.sqlite")):
        with SweepStore.open(path) as store:
            result = [
                measurement
                for measurement in store.measurements()
                if measurement.workload.role == "network"
            ]
            result.sort(key=lambda measurement: measurement.workload.key)
            networks = [measurement.workload for measurement in result]
            times.append(store.sessions()[0].started_at)
            rows.append([measurement.raw_ms for measurement in result])
            log = store.drift_log()
            stretches.append(() if log is None else log.stretches)
    ms = np.array(rows)
    places = choose_anchors(np.median(ms, axis=0).tolist())
    anchors = [Anchor(blocks=networks[p].blocks, label=networks[p].label, ms=1.0) for p in places]
    return Sessions(
        times=tuple(times),
        ms=ms,
        stretches=tuple(stretches),
        anchors=tuple(anchors),
        places=places,
    )


def _report(out: Path, backend: str) -> Iterator[str]:
    sessions = _read(out, backend)
    span_h = (sessions.unix_s.max() - sessions.unix_s.min()) / 3600
    yield f"\n{backend}: {len(sessions.times)} sessions over {span_h:.1f} h, {sessions.times[0]} on"
    yield from _variances(sessions)
    for known in KNOWN:
        if len(sessions.times) > known:
            yield from _coverage(sessions, known)


def _variances(sessions: Sessions) -> Iterator[str]:
    """Variance of the log ratio by gap, as measured and as the model of the whole log has it."""
    model = DriftModel.of(_log(sessions, range(len(sessions.times))))
    assert model.log is not None
    drift, times_s = model.log.log_drift, sessions.unix_s
    first, second = np.triu_indices(len(drift), 1)
    gaps_min = np.abs(times_s[second] - times_s[first]) / 60
    squares = (drift[second] - drift[first]) ** 2
    mean = np.expm1(model.log_mean)
    yield f"scatter of a network {model.scatter:.2%}, mean over sessions {mean:+.1%}"
    yield "| gap | pairs | measured std of the log ratio | model | prior |"
    yield "| --- | --- | --- | --- | --- |"
    edges = [0.0, 7.5, 15, 30, 60, 120, 360, 1440, np.inf]
    prior = DriftModel.of(None)
    for low, high in pairwise(edges):
        inside = (gaps_min >= low) & (gaps_min < high)
        if inside.any():
            gap_min = float(np.median(gaps_min[inside]))
            stds = [np.sqrt(process.variance_at_gap(60 * gap_min)) for process in (model, prior)]
            yield (
                f"| {gap_min:.0f} min | {inside.sum()} | {np.sqrt(squares[inside].mean()):.1%} | "
                f"{stds[0]:.1%} | {stds[1]:.1%} |"
            )


def _log(sessions: Sessions, rows: Sequence[int]) -> DriftLog:
    """Return the anchors' log of some sessions, of which the first is the sweep's."""
    ms = sessions.ms[:, sessions.places]
    return DriftLog(
        anchors=tuple(
            Anchor(blocks=anchor.blocks, label=anchor.label, ms=float(first_ms))
            for anchor, first_ms in zip(sessions.anchors, ms[rows[0]], strict=True)
        ),
        sessions=tuple(
            AnchorSession(started_at=sessions.times[row], ms=tuple(ms[row].tolist()))
            for row in rows
        ),
        stretches=sessions.stretches[rows[0]],
    )


def _coverage(sessions: Sessions, known: int) -> Iterator[str]:
    """Return the share of networks within their bound later, by gap and nominal confidence."""
    times_s, others = sessions.unix_s, np.ones(sessions.ms.shape[1], dtype=np.bool_)
    others[sessions.places] = False
    inside: dict[tuple[float, float], list[float]] = {}
    widths: dict[tuple[float, float], list[float]] = {}
    splits: dict[float, int] = {}
    for start in range(len(times_s) - known):
        rows = range(start, start + known)
        log = _log(sessions, rows)
        model = DriftModel.of(log)
        corrected = np.log(sessions.ms[rows]) - log.log_drift[:, None]
        predicted_ms = np.exp(corrected.mean(axis=0) + model.log_mean)[others]
        std_ms = predicted_ms * model.scatter / np.sqrt(known)
        for gap_min in GAPS_MIN:
            gaps_s = times_s - times_s[rows[-1]]
            judged = np.flatnonzero(np.abs(gaps_s / (60 * gap_min) - 1) <= NEAR)
            splits[gap_min] = splits.get(gap_min, 0) + len(judged)
            for nominal in NOMINAL if len(judged) else ():
                margin = Margin(confidence=nominal, model=model, horizon_s=60 * gap_min)
                bound_ms = margin.compiled()(predicted_ms, std_ms)
                within = sessions.ms[judged][:, others] <= bound_ms
                inside.setdefault((gap_min, nominal), []).extend(within.ravel().tolist())
                widths.setdefault((gap_min, nominal), []).append(
                    float(np.mean(bound_ms / predicted_ms))
                )
    yield f"\nnominal against observed share within, from {known} known session(s):"
    yield (
        "| gap | pairs of split and session | "
        + " | ".join(f"{share:g}" for share in NOMINAL)
        + " | margin at 0.95 |"
    )
    yield "| --- | --- | " + " | ".join("---" for _ in NOMINAL) + " | --- |"
    for gap_min in GAPS_MIN:
        if splits.get(gap_min):
            shares = [f"{np.mean(inside[gap_min, share]):.2f}" for share in NOMINAL]
            width = np.mean(widths[gap_min, 0.95]) - 1
            ends = f"{(1 - NEAR) * gap_min:g} to {(1 + NEAR) * gap_min:g}"
            yield f"| {ends} min | {splits[gap_min]} | {' | '.join(shares)} | {width:.1%} |"


if __name__ == "__main__":
    sys.exit(main())
