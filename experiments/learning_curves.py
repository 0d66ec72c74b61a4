"""Learning curves on public tables of measured networks, as markdown.

    python -m experiments.learning_curves --data ../shared/data/ofa_mbv3_gpu_latency.parquet \
        --space ofa-mbv3-w1.0 --priors none others --out build/curves

For each column and number of networks: fitted on those, judged on the rows that nobody fitted, over
several seeds. Priors are fitted by the same code on other rows, `--prior-rows` of them, of other
columns: `others` takes every one, `foreign` those of other devices (the name without its last
number), and a list `a_ms,b_ms` just those. Finished cells are kept in the folder and never redone.
"""

import argparse
import json
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.learners import BlockLearner, CategoryLearner, Floats, Learner, ridge
from latency_models.evaluation.evaluate import best_constant, evaluate, macs_line

PRIOR_SEED = 99
FIGURES = ("spearman", "within_5", "within_10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One fit."""

    data: str
    space: str
    column: str
    priors: str
    prior_rows: int
    networks: int
    seed: int

    @property
    def key(self) -> str:
        return json.dumps({**asdict(self), "data": Path(self.data).name})


@cache
def learner_of(data: str, space: str) -> Learner:
    if space == "onehot":
        return CategoryLearner.load(Path(data))
    return BlockLearner.load(Path(data), space)


def prior_columns(learner: Learner, column: str, which: str) -> list[str]:
    others = [name for name in learner.columns if name != column]
    if which == "none":
        return []
    if which == "others":
        return others
    if which == "foreign":
        return [other for other in others if _device(other) != _device(column)]
    return [word for word in which.split(",") if word != column]


def _device(column: str) -> str:
    return column.removesuffix("_ms").rstrip("0123456789").rstrip("_")


@cache
def prior_of(data: str, space: str, column: str, prior_rows: int) -> Any:
    learner = learner_of(data, space)
    return learner.fit(column, rows_of(learner, prior_rows)[0], {})


def rows_of(learner: Learner, prior_rows: int) -> tuple[Any, Any]:
    """Return the rows that priors are fitted on, and the others."""
    order = np.random.default_rng(PRIOR_SEED).permutation(learner.networks)
    return order[:prior_rows], order[prior_rows:]


def measure(cell: Cell) -> dict[str, Any]:
    """Fit and evaluate one cell, with its baselines where it has no priors."""
    learner = learner_of(cell.data, cell.space)
    _, rest = rows_of(learner, cell.prior_rows)
    order = np.random.default_rng(cell.seed).permutation(rest)
    fitted, judged = order[: cell.networks], order[cell.networks :]
    measured = learner.measured_ms(cell.column)
    names = prior_columns(learner, cell.column, cell.priors)
    priors = {name: prior_of(cell.data, cell.space, name, cell.prior_rows) for name in names}
    predictor = learner.fit(cell.column, fitted, priors)
    methods: dict[str, Any] = {
        "ours": evaluate(learner.predict(predictor, judged), measured[judged]).to_json()
    }
    if cell.priors == "none":
        methods |= _baselines(learner, measured, fitted, judged)
    return {"key": cell.key, **asdict(cell), "methods": methods}


def _baselines(learner: Learner, measured: Floats, fitted: Any, judged: Any) -> dict[str, Any]:
    result = {"best constant": best_constant(measured[judged]).to_json()}
    one_hot = ridge(learner.design[fitted], measured[fitted], learner.design[judged])
    result["ridge on one-hot"] = evaluate(one_hot, measured[judged]).to_json()
    if learner.macs is not None:
        constant, slope = macs_line(learner.macs[fitted], measured[fitted])
        line = constant + slope * learner.macs[judged]
        result["MACs alone"] = evaluate(line, measured[judged]).to_json()
    return result


def run(cells: Sequence[Cell], kept: Path, processes: int) -> list[dict[str, Any]]:
    """Measure the cells that `kept` lacks, and return all."""
    done = {record["key"]: record for record in _read(kept)}
    missing = [cell for cell in cells if cell.key not in done]
    with ProcessPoolExecutor(processes) as pool, kept.open("a") as file:
        for result in pool.map(measure, missing):
            file.write(json.dumps(result) + "\n")
            file.flush()
            done[result["key"]] = result
    return [done[cell.key] for cell in cells]


def _read(kept: Path) -> Iterator[dict[str, Any]]:
    for line in kept.read_text().splitlines() if kept.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # cut short when it was stopped


def tables(results: Sequence[dict[str, Any]], figures: Sequence[str]) -> Iterator[str]:
    """A markdown table for each figure: columns of the data by numbers of networks."""
    rows = [
        (result["column"], _method(result["priors"], name), result["networks"], errors)
        for result in results
        for name, errors in result["methods"].items()
    ]
    sizes = sorted({networks for _, _, networks, _ in rows})
    for figure in figures:
        frame = pd.DataFrame(
            [(*row[:3], row[3][figure]) for row in rows], columns=["column", "method", "n", "value"]
        )
        yield f"\n{figure}, mean over seeds (spread between seeds), by networks fitted\n"
        yield "| column | method | " + " | ".join(str(size) for size in sizes) + " |"
        yield "| --- | --- |" + " ---: |" * len(sizes)
        for (column, method), group in frame.groupby(["column", "method"], sort=False):
            by_size = group.groupby("n")["value"]
            cells = [
                _cell(by_size.get_group(size)) if size in by_size.groups else "" for size in sizes
            ]
            if any(cells):
                yield f"| {column} | {method} | " + " | ".join(cells) + " |"


def _method(priors: str, name: str) -> str:
    return name if priors == "none" else f"{name}, priors: {priors}"


def _cell(values: "pd.Series[float]") -> str:
    if values.isna().all():
        return ""
    return f"{values.mean():.3f} ({values.std(ddof=0):.3f})"


def _processor() -> str:
    """Name of this machine's processor."""
    result = Path("/proc/cpuinfo")
    lines = result.read_text().splitlines() if result.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--space", required=True)
    parser.add_argument("--columns", nargs="*", default=[])
    parser.add_argument("--sizes", nargs="*", type=int, default=[10, 20, 50, 100, 200, 900])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--priors", nargs="*", default=["none"])
    parser.add_argument("--prior-rows", type=int, default=900)
    parser.add_argument("--figures", nargs="*", choices=FIGURES, default=FIGURES)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="folder of finished cells")
    parser.add_argument("--finished", action="store_true", help="show finished cells, fit none")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    columns = args.columns or learner_of(args.data, args.space).columns
    cells = [
        Cell(
            data=args.data,
            space=args.space,
            column=column,
            priors=priors,
            prior_rows=args.prior_rows,
            networks=networks,
            seed=seed,
        )
        for networks in args.sizes
        for column in columns
        for priors in args.priors
        for seed in range(args.seeds)
    ]
    kept = args.out / f"{Path(args.data).stem}.jsonl"
    done = {record["key"]: record for record in _read(kept)}
    if args.finished:
        results = [done[cell.key] for cell in cells if cell.key in done]
    else:
        results = run(cells, kept, args.processes)
    day = datetime.now(UTC).date().isoformat()
    print(f"{Path(args.data).name}, {args.seeds} seeds; {_processor()}, {day}")
    print("\n".join(tables(results, args.figures)))


if __name__ == "__main__":
    main()
