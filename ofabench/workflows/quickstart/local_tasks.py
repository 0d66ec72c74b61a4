"""Local tasks of the quickstart: they run in its own process and log a text."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from bench.files import write_text
from bench.protocol.progress import Progress
from ofabench.options.search import SearchOptions
from ofabench.options.table import TableBuildOptions

if TYPE_CHECKING:
    from supernet.search.callbacks import Watcher

SPACE = "tiny"
# Limits hold with this probability in the hour after the sweep, which is longer than the loop.
CONFIDENCE, HORIZON_S = 0.9, 3600.0

logger = logging.getLogger(__name__)


def say(text: str) -> None:
    """Log a task's result."""
    logger.info("%s", text)


def build(options: TableBuildOptions) -> None:
    """Make the tables of a sweep of blocks and networks."""
    from ofabench.workflows.latency.table_build import build_tables

    tables = build_tables(options)
    assert tables.blocks is not None
    assert tables.networks is not None
    say(f"{options.out}: {len(tables.blocks)} blocks of {tables.blocks.target.key}")
    say(f"{options.networks_out}: {len(tables.networks)} networks")


def fit_latency(table: Path, networks: Path, out: Path) -> None:
    """Fit a latency predictor on blocks and networks, and write it."""
    from ofabench.workflows.latency.fit import fit
    from ofabench.workflows.latency.fit_text import fit_text

    predictor = fit(table, networks)
    predictor.save(out)
    say(fit_text(predictor.fitted))
    say(f"{out}: predictor of {predictor.target.key}")


def judge_latency(latency: Path, networks: Path, out: Path) -> None:
    """Evaluate a latency predictor on measured networks, and write the figures as JSON."""
    from ofabench.workflows.latency.predictor import load_predictor

    figures = load_predictor(latency).evaluate(networks).to_dict()
    write_text(out, json.dumps(figures) + "\n")


def search_within(
    folder: Path, name: str, limit_ms: float, *, seed: int, progress: "Progress | Watcher | None"
) -> None:
    """Search for the most accurate network within a latency limit, and write it by its name."""
    from ofabench.workflows.search.search import latency_limit, search

    limit = latency_limit(
        folder / "latency.parquet", limit_ms, confidence=CONFIDENCE, horizon=HORIZON_S
    )
    options = SearchOptions(seed=seed)
    result = search(SPACE, folder / "accuracy.parquet", limit, options, progress)
    result.save(folder / f"{name}.json")
    say(str(result))
