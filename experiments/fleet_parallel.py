"""How much faster is a fleet of SSH hosts when they are measured in parallel?

    python -m experiments.fleet_parallel [--hosts 3] [--blocks 20] [--repeats 3] [--out FOLDER]

Starts SSH servers on this machine that look like different machines (each has another machine id),
and sweeps `tiny` on all of them: one after the other (`at_once = 1`), and in parallel. Both ways
alternate, so that slow changes of the machine affect both. Prints the wall seconds of each sweep of
the fleet, their ratio, and the ratio of the latencies: in parallel over one after the other.

The hosts share this machine's cores, which different machines do not: with fewer cores than hosts
the ratio is lower and latencies in parallel are higher than they would be there. The first sweep,
which sends the runner and the models, is not counted.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from ofabench.options.fleet import Fleet
from ofabench.options.sweep import SweepOptions
from ofabench.workflows.fleet.sweep import sweep_fleet
from ofabench.workflows.sweep.sweep import open_sweep
from tests.support.ssh_hosts import ssh_hosts
from tests.support.ssh_server import NoServerError

SPACE = "tiny"
WAYS = {"one after the other": 1, "in parallel": None}


@dataclass(frozen=True, slots=True)
class FleetTime:
    """One sweep of the whole fleet: its wall time, and the latencies by host and block."""

    wall_s: float
    latencies_ms: list[float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="new folder that keeps the sweeps")
    args = parser.parse_args()
    options = SweepOptions(
        blocks=args.blocks, replicates=args.replicates, rounds=args.rounds, force=True
    )
    names = [f"host{number}" for number in range(1, args.hosts + 1)]
    try:
        with tempfile.TemporaryDirectory() as folder, ssh_hosts(Path(folder), names) as fleet:
            out = args.out or Path(folder) / "out"
            out.mkdir()
            swept(fleet, out / "first", replace(options, replicates=1, rounds=1))
            times = measured(fleet, out, options, args.repeats)
    except NoServerError as why:
        print(f"no SSH hosts here: {why}", file=sys.stderr)
        return 2
    print(f"{args.hosts} hosts on {os.cpu_count()} cores, {args.blocks} blocks of {SPACE}\n")
    report(times)
    return 0


def measured(
    fleet: Fleet, out: Path, options: SweepOptions, repeats: int
) -> dict[str, list[FleetTime]]:
    """Sweep the fleet in both ways, in turns; the second repeat begins with the other way."""
    times: dict[str, list[FleetTime]] = {way: [] for way in WAYS}
    for repeat in range(repeats):
        for way in list(WAYS)[:: 1 if repeat % 2 == 0 else -1]:
            folder = out / f"{repeat}-{way.replace(' ', '-')}"
            times[way].append(swept(replace(fleet, at_once=WAYS[way]), folder, options))
            print(f"{way}: {times[way][-1].wall_s:.1f} s", file=sys.stderr, flush=True)
    return times


def swept(fleet: Fleet, folder: Path, options: SweepOptions) -> FleetTime:
    """Sweep the fleet into a folder; `SystemExit` if a member is incomplete."""
    started_s = time.monotonic()
    result = sweep_fleet(SPACE, fleet, out=folder, options=options)
    wall_s = time.monotonic() - started_s
    if result.code:
        raise SystemExit(str(result))
    tables = [open_sweep(str(member.path)).blocks().frame for member in result.members]
    return FleetTime(wall_s, [ms for table in tables for ms in table["latency_ms"]])


def report(times: dict[str, list[FleetTime]]) -> None:
    """Print the wall times and the ratio of their medians."""
    print("| way | wall seconds, median | of each sweep of the fleet |")
    print("| --- | --- | --- |")
    medians = {}
    for way, each in times.items():
        walls = [swept_fleet.wall_s for swept_fleet in each]
        medians[way] = statistics.median(walls)
        print(f"| {way} | {medians[way]:.1f} | {', '.join(f'{wall:.1f}' for wall in walls)} |")
    alone, together = (times[way] for way in WAYS)
    slower = [
        parallel_ms / one_ms
        for one, parallel in zip(alone, together, strict=True)
        for one_ms, parallel_ms in zip(one.latencies_ms, parallel.latencies_ms, strict=True)
    ]
    first, second = (medians[way] for way in WAYS)
    print(f"\nratio of the wall times: {first / second:.2f}")
    print(f"latency in parallel over one after the other, median: {statistics.median(slower):.3f}")


if __name__ == "__main__":
    sys.exit(main())
