"""Fuzz every reader for a while: `python -m tests.fuzz --seconds 600 [--target adb_wire]`.

Each target runs in a separate process; findings and the corpus go to build/fuzz/TARGET. Exits
with 1 where there is a finding. Imports come on top of the seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from tests.fuzz.areas import AREAS, FILES, TEXT, targets_of
from tests.fuzz.target import LIMIT_BYTES, LIMIT_S

MOST_INPUTS = 1 << 62
MOST_STARTS = 20  # of one target, whose process a finding may end
HEAD = f"{'target':28}{'inputs':>10}{'seconds':>9}{'slowest':>9}{'memory':>9}  findings"


@dataclass(slots=True)
class Result:
    """Result of one target; `findings` counts by place."""

    name: str
    inputs: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    peak_bytes: int = 0
    findings: dict[str, int] = field(default_factory=dict)

    def add(self, report: dict[str, object]) -> None:
        """Add what one process of the target reported."""
        self.inputs += int(str(report["inputs"]))
        self.seconds += float(str(report["seconds"]))
        self.slowest_s = max(self.slowest_s, float(str(report["slowest_s"])))
        self.peak_bytes = max(self.peak_bytes, int(str(report["peak_bytes"])))
        result = report["findings"]
        for place, count in (result if isinstance(result, dict) else {}).items():
            self.findings[place] = self.findings.get(place, 0) + count

    def line(self) -> str:
        """One row of the table."""
        cells = f"{self.name:28}{self.inputs:>10}{self.seconds:>9.1f}{self.slowest_s:>8.3f}s"
        result = ", ".join(f"{place} ({count})" for place, count in self.findings.items()) or "none"
        return f"{cells}{self.peak_bytes / 1e6:>7.0f}MB  {result}"


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz the chosen targets and print one line for each."""
    args = _parser().parse_args(argv)
    if find_spec("atheris") is None:
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"no atheris for Python {version} here (pip install 'ofabench[fuzz]'): skipped")
        return 0
    areas = {"all": AREAS, "text": TEXT, "files": FILES}[args.kind]
    chosen = [(area, item.name) for area in areas for item in targets_of(area)]
    if args.target:
        chosen = [pair for pair in chosen if pair[1] in args.target]
    if not chosen:
        known = ", ".join(item.name for area in AREAS for item in targets_of(area))
        print(f"no fuzz target {', '.join(args.target)}; there are {known}", file=sys.stderr)
        return 2
    print(HEAD, flush=True)
    results = []
    for area, name in chosen:
        result = _run(area, name, args, args.seconds / len(chosen))
        results.append(result)
        print(result.line(), flush=True)
    inputs = sum(item.inputs for item in results)
    findings = sum(len(item.findings) for item in results)
    limits = f"limits {LIMIT_S:g} s and {LIMIT_BYTES / 1e6:.0f} MB an input"
    print(f"{len(results)} targets, {inputs} inputs, {findings} findings ({limits}); {args.out}")
    return 1 if findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of all targets together (60)")
    parser.add_argument("--inputs", type=int, default=MOST_INPUTS, help="most of each target")
    parser.add_argument("--target", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--kind", choices=("all", "text", "files"), default="all")
    parser.add_argument("--seed", type=int, default=1, help="of libFuzzer's random numbers (1)")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="(build/fuzz)")
    return parser


def _run(area: str, name: str, args: argparse.Namespace, seconds: float) -> Result:
    """Fuzz one target; where a finding ends its process, continue in a new one."""
    result = Result(name)
    folder = args.out / name
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(MOST_STARTS):
        left_s, left = seconds - result.seconds, args.inputs - result.inputs
        if left_s <= 0 or left <= 0:
            break
        (folder / "report.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.fuzz.worker", area, name, f"--folder={folder}"]
        command += [f"--seconds={left_s}", f"--inputs={left}", f"--seed={args.seed + start}"]
        with (folder / "log.txt").open("w") as log:
            began_s = time.monotonic()
            code = _call(command, log)
        if (folder / "report.json").exists():
            result.add(json.loads((folder / "report.json").read_text()))
        else:
            result.seconds += time.monotonic() - began_s
        if code == 0:
            break
        # libFuzzer leaves the input beside the log, as crash-... or timeout-...
        place = f"process ended with {code}, see {folder / 'log.txt'}"
        result.findings[place] = result.findings.get(place, 0) + 1
        (folder / "log.txt").replace(folder / f"log-{start}.txt")
    return result


def _call(command: Sequence[str], log: IO[str]) -> int:
    """Run a worker; its files lie in memory where the system has such a place, and are removed.

    It cannot remove them itself: libFuzzer ends the process without Python's exit.
    """
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="ofabench-fuzz-", dir=parent) as folder:
        environment = {**os.environ, "TMPDIR": folder}
        done = subprocess.run(command, stdout=log, stderr=log, env=environment, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
