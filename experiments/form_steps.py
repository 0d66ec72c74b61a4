"""The commands that fit a latency predictor of one form of the graph, or of one precision."""

from collections.abc import Sequence
from pathlib import Path

from experiments.steps import Step


def fitting_steps(folder: Path, name: str, sweep: Sequence[str]) -> list[Step]:
    """Return the steps that make `folder`/NAME.parquet, given the options of its sweep."""
    store, latency = folder / f"{name}.sqlite", folder / f"{name}.parquet"
    blocks, networks = folder / f"{name}-blocks.parquet", folder / f"{name}-networks.parquet"
    return [
        Step(
            title=f"{name}: measure blocks and networks",
            argv=("sweep", "--device", "cpu", *sweep, "--out", f"{store}"),
            makes=networks,
            resumes=store,
        ),
        Step(
            title=f"{name}: make the tables",
            argv=("table", "build", f"{store}", "--out", f"{blocks}",
                  "--networks-out", f"{networks}"),
            makes=networks,
        ),
        Step(
            title=f"{name}: fit",
            argv=("fit", f"{blocks}", "--networks", f"{networks}", "--out", f"{latency}"),
            makes=latency,
        ),
    ]  # fmt: skip
