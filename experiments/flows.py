"""Two commands run on the fake device, and the sequence of files through which their calls pass.

Each command is run (`experiments/call_trail.py`), so what is counted is what was called. Counting
starts when the arguments are parsed, and ends when the store is closed or the result is in its
place. The trail is the functions called, each at its first call alone, in order: loops and
repeated calls change nothing. A stay is a stretch of the trail in one file.

- files: files of the trail.
- climbs: stays that begin in a package above the one of the stay before. A package lies above all
  that it imports. Going back up to call the next function below counts: it is the back and forth.
- calls up: pairs of files where the first, one of these files, calls the second, whose folder
  imports that of the first (directly or through others) and not the other way: callbacks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from bench.errors import InputError
from experiments.import_graph import (
    PACKAGES,
    Tree,
    folder_graph,
    folder_of,
    layers,
    package_graph,
    reach,
)

TRAIL = Path(__file__).with_name("call_trail.py")
ON_FAKE = ("--space", "tiny", "--device", "fake", "--backend", "fake", "--seed", "0")
SHORT = ("--replicates", "1", "--rounds", "2")

Call = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Flow:
    """Figures of one command's calls; see this module."""

    command: str
    files: tuple[str, ...]
    functions: int
    stays: int
    climbs: int
    calls_up: tuple[tuple[str, str], ...]


def flow_of(command: str, calls: Sequence[Call], tree: Tree) -> Flow:
    """Return the figures of calls (caller's file, callee's file, callee's name) in order."""
    packages, imported = layers(package_graph(tree)), reach(folder_graph(tree))

    def goes_up(caller: str, callee: str) -> bool:
        low, high = folder_of(caller), folder_of(callee)
        return low in imported[high] and high not in imported[low]

    trail = list(dict.fromkeys((callee, name) for _, callee, name in calls))
    stays = [file for file, _ in groupby(file for file, _ in trail)]
    heights = [packages[file.split("/")[0]] for file in stays]
    up = {
        (caller, callee): None
        for caller, callee, _ in calls
        if caller in stays and goes_up(caller, callee)
    }
    return Flow(
        command=command,
        files=tuple(dict.fromkeys(stays)),
        functions=len(trail),
        stays=len(stays),
        climbs=sum(after > before for before, after in pairwise(heights)),
        calls_up=tuple(up),
    )


def run_flows(root: Path, tree: Tree, folder: Path) -> list[Flow]:
    """Run the sweep and the search of the checkout at `root`, with files in an empty `folder`."""
    checkout = _Checkout(root.resolve(), folder)
    sweep = ["sweep", *ON_FAKE, *SHORT, "--blocks", "4", "--networks", "2", "--out", "one.sqlite"]
    search = ["search", "--space", "tiny", "--seed", "0", "--budget", "200", "--patience", "3"]
    search += ["--accuracy", "A.parquet", "--latency", "P.parquet", "--max-latency-ms", "1"]
    swept = checkout.trail(sweep)
    checkout.predictors()
    searched = checkout.trail([*search, "--out", "R.json"])
    return [flow_of("sweep", swept, tree), flow_of("search", searched, tree)]


@dataclass(frozen=True, slots=True)
class _Checkout:
    root: Path
    folder: Path

    def trail(self, argv: Sequence[str]) -> list[Call]:
        """Calls of one command."""
        out = self.folder / "calls.json"
        self._run([str(TRAIL), str(out), str(self.root), ",".join(PACKAGES), *argv])
        calls = [(caller, callee, name) for caller, callee, name in json.loads(out.read_text())]
        if not calls:
            raise InputError(f"`ofabench {argv[0]}` was not run from {self.root}: give its root")
        return calls

    def predictors(self) -> None:
        """Write A.parquet and P.parquet: of every block of `tiny`, with made-up accuracies."""
        self._run(["-m", "ofabench", "sweep", *ON_FAKE, *SHORT, "--networks", "12",
                   "--out", "all.sqlite"])  # fmt: skip
        self._run(["-m", "ofabench", "table", "build", "all.sqlite", "--out", "T.parquet",
                   "--networks-out", "N.parquet"])  # fmt: skip
        self._run(["-m", "ofabench", "fit", "T.parquet", "--out", "P.parquet"])
        _add_accuracies(self.folder / "N.parquet", self.folder / "N-accuracies.parquet")
        self._run(["-m", "ofabench", "accuracy", "--table", "N-accuracies.parquet",
                   "--model", "kernel", "--out", "A.parquet"])  # fmt: skip

    def _run(self, argv: Sequence[str]) -> None:
        done = subprocess.run(
            [sys.executable, "-P", *argv], cwd=self.folder, env=self._environment(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            line = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise InputError(f"{' '.join(argv)} ended with {done.returncode}: {line}")

    def _environment(self) -> Mapping[str, str]:
        locks = {"XDG_STATE_HOME": str(self.folder)}
        return {**os.environ, **locks, "PYTHONPATH": str(self.root)}


def _add_accuracies(path: Path, out: Path) -> None:
    """Copy a table of networks, with a column of accuracies that rises from row to row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    rows = table.num_rows
    rising = pa.array([0.5 + 0.3 * row / rows for row in range(rows)])
    pq.write_table(table.append_column("accuracy", rising), out)
