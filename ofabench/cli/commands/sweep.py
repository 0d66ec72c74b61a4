"""`ofabench sweep`: measure blocks and whole networks of a space on a device."""

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.cli.derived.command import Command
from ofabench.cli.derived.equivalent import equivalent_command
from ofabench.options import shared
from ofabench.options.sweep import SweepRequest

if TYPE_CHECKING:
    from bench.sweep.summary import SweepSummary
    from ofabench.workflows.sweep.backend_sweeps import BackendSweeps
    from ofabench.workflows.sweep.sweep_result import Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCommand(SweepRequest):
    """Options of `ofabench sweep`."""

    fleet: Path | None = shared.fleet(
        "sweep the devices of a fleet in parallel, each into NAME.sqlite of the folder --out"
    )
    progress: str = shared.progress()
    json: bool = shared.json()


def run(options: SweepCommand) -> int:
    """Sweep one device, or a fleet."""
    if options.fleet is not None:
        return _sweep_fleet(options, options.fleet)
    from ofabench.display.progress import get_sweep_progress
    from ofabench.workflows.sweep.sweep import BackendSweeps, sweep_request

    done = sweep_request(
        options,
        get_sweep_progress(options.progress),
        resume_with=resume_command(options),
    )
    if isinstance(done, BackendSweeps):
        _show_backends(done, options)
    elif options.json:
        print(json.dumps(done.summary.to_json()))
    else:
        _show(done, options)
    return 0


def _sweep_fleet(options: SweepCommand, fleet: Path) -> int:
    """Sweep every device of a file; exit code 2 if one failed, 130 if they were stopped."""
    from ofabench.display.fleet import fleet_display
    from ofabench.workflows.fleet.sweep import sweep_fleet_request

    with fleet_display(options.progress) as display:
        result = sweep_fleet_request(options, fleet, display)
    print(json.dumps(result.to_dict()["members"]) if options.json else result)
    return result.code


def _show(sweep: "Sweep", options: SweepCommand) -> None:
    print(sweep)
    print(f"next        {build_command(options, sweep.summary)}")


def _show_backends(done: "BackendSweeps", options: SweepCommand) -> None:
    if options.json:
        print(json.dumps(done.to_dict()))
        return
    for sweep in done.sweeps.values():
        print(f"{sweep}\n")
    counts = [
        f"{len(table)} {what}"
        for table, what in ((done.table, "blocks"), (done.networks, "networks"))
        if table is not None
    ]
    print(f"tables      {', '.join(counts)} side by side: {', '.join(map(str, done.table_paths))}")
    if done.table is not None and len(done) > 1:
        print(f"next        {shlex.join(['ofabench', 'compare', str(done.table_paths[0])])}")


def build_command(options: SweepCommand, summary: "SweepSummary") -> str:
    """Return the command that builds the tables of this sweep."""
    words = ["ofabench", "table", "build", str(options.out)]
    words += ["--out", "T.parquet"] if summary.blocks else []
    words += ["--networks-out", "N.parquet"] if summary.networks else []
    return shlex.join(words)


def resume_command(options: SweepCommand) -> str:
    """Return the command that continues this sweep."""
    again = replace(options, sweep=replace(options.sweep, resume=True))
    return equivalent_command("sweep", again, skip=("progress", "json"))


COMMAND = Command(
    name="sweep",
    help="measure blocks and networks on a device",
    options=SweepCommand,
    run=run,
)
