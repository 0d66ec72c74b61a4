"""Results of searches: a network with its predictions, or a front of networks."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.notebook.html_table import facts_html, rows_html
from bench.timing.statistic import MEDIAN
from ofabench.workflows.search.latencies import LatencySource
from ofabench.workflows.text_table import text_table
from supernet.space.arch import ArchConfig

if TYPE_CHECKING:
    import pandas as pd

    from bench.blocks.spec import BlockSpec
    from bench.notebook.plot import Plot
    from ofabench.workflows.search.margin_report import MarginReport
    from supernet.accuracy.source import AccuracySource
    from supernet.search.engine import SearchResult as SearchOutcome
    from supernet.search.engine import Step
    from supernet.space.space import SearchSpace

TIME_LIMIT = "limited by --seconds: with more time it may find a better network"


@dataclass(frozen=True, kw_only=True)
class SearchOrigin:
    """Inputs of a search; `provenance` has them as JSON values.

    `energies` are the energy predictors of its limits.
    """

    space: "SearchSpace"
    accuracy: "AccuracySource"
    latencies: tuple[LatencySource, ...]
    provenance: Mapping[str, Any]
    energies: tuple[LatencySource, ...] = ()


@dataclass(frozen=True, repr=False)
class SearchResult:
    """The most accurate network within limits, with its predictions.

    `outcome` has all figures of the search, `origin` its inputs, `margins` the parts of the margins
    of its latency limits.
    """

    outcome: "SearchOutcome"
    origin: SearchOrigin
    margins: "tuple[MarginReport, ...]" = ()

    @property
    def space(self) -> "SearchSpace":
        """The space that was searched."""
        return self.origin.space

    @property
    def arch(self) -> ArchConfig:
        """The network's architecture."""
        return self.outcome.arch

    @property
    def blocks(self) -> "tuple[BlockSpec, ...]":
        """The network's blocks."""
        return self.space.blocks(self.arch)

    @property
    def accuracy(self) -> float:
        """The predicted accuracy, a fraction; the network was chosen for it: expect less."""
        return self.outcome.accuracy

    @property
    def predictions(self) -> dict[str, float]:
        """Predictions by the limits' names: ms for a target's key, mJ for its energy."""
        return dict(self.outcome.predictions)

    @property
    def bounds(self) -> dict[str, float]:
        """Predictions plus their margins, by the limits' names."""
        return dict(self.outcome.bounds)

    @property
    def limits(self) -> dict[str, float]:
        """The limits, by name."""
        return dict(self.outcome.limits)

    @property
    def macs(self) -> int:
        """Multiply-accumulates at batch 1."""
        return self.outcome.macs

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return self.outcome.params

    @property
    def evaluated(self) -> int:
        """Number of evaluated networks."""
        return self.outcome.evaluated

    @property
    def seed(self) -> int:
        """The seed; the same seed finds the same network."""
        return self.outcome.seed

    @property
    def strategy(self) -> str:
        """The strategy's name."""
        return self.outcome.strategy

    @property
    def ended_by(self) -> str:
        """What ended the search: `evaluations`, `patience`, `seconds`, or the `strategy`."""
        return self.outcome.ended_by

    @property
    def history(self) -> "tuple[Step, ...]":
        """Each improvement: the best accuracy within the limits, and the networks evaluated so
        far.
        """
        return self.outcome.history

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON values that `ofabench search --out` writes."""
        from supernet.search.result_file import result_json

        predictors = [source.predictor for source in self.origin.latencies]
        values = result_json(self.space, self.outcome, predictors, self.origin.provenance)
        return {
            **values,
            **energies_json(self),
            "margins": [report.to_dict() for report in self.margins],
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file of `ofabench search --out`, for `extract`, `export` and `verify`."""
        from supernet.search.result_file import write_json

        write_json(Path(path), self.to_dict())

    def __str__(self) -> str:
        return "\n".join(result_lines(self))

    def _repr_html_(self) -> str:
        return facts_html(self.space.to_line(self.arch), _facts(self))

    def plot(self) -> "Plot":
        """Return a chart of the search's history: best accuracy over networks evaluated.

        Raises:
            MissingRuntimeError: the extra `report` is not installed.
        """
        from bench.notebook.plot import Plot, check_charts

        check_charts()
        from ofabench.charts.search import history_figure

        steps = [(step.evaluated, step.accuracy) for step in self.history if step.accuracy]
        history = steps or [(self.evaluated, self.accuracy)]
        figure = history_figure({self.strategy: (history, self.evaluated)})
        return Plot(figure, f"History of the search, {self.space.name}")

    def __repr__(self) -> str:
        costs = ", ".join(f"{name}: {value:.4g}" for name, value in self.predictions.items())
        return f"SearchResult({self.arch}, accuracy={self.accuracy:.4f}, predictions={{{costs}}})"


class Front(list[SearchResult]):
    """Networks from the cheapest to the most accurate; a list with a table and a file.

    `origin` has the inputs of the search, `objectives` the latencies besides accuracy.
    """

    def __init__(
        self,
        results: Iterable[SearchResult],
        origin: SearchOrigin,
        objectives: Sequence[LatencySource],
    ) -> None:
        super().__init__(results)
        self.origin = origin
        self.objectives = tuple(objectives)

    @property
    def frame(self) -> "pd.DataFrame":
        """A row for each network: accuracy, latencies (ms) by target, MACs, and limited costs."""
        import pandas as pd

        targets = [source.key for source in self.origin.latencies]
        rows = [
            {
                "accuracy": result.accuracy,
                **{target: result.predictions[target] for target in targets},
                **result.predictions,
                "macs": result.macs,
                "params": result.params,
                "resolution": result.arch.resolution,
                "depths": "-".join(map(str, result.arch.depths)),
            }
            for result in self
        ]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON values that `ofabench search --pareto --out` writes."""
        from supernet.search.result_file import front_json

        predictors = [source.predictor for source in self.objectives]
        networks = [result.outcome for result in self]
        data = front_json(self.origin.space, networks, predictors, self.origin.provenance)
        for item, result in zip(data["front"], self, strict=True):
            item.update(energies_json(result))
            item["margins"] = [report.to_dict() for report in result.margins]
        return data

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file of `ofabench search --pareto --out`."""
        from supernet.search.result_file import write_json

        write_json(Path(path), self.to_dict())

    def __str__(self) -> str:
        return "\n".join(front_lines(self))

    def _repr_html_(self) -> str:
        heads, *rows = front_rows(self)
        return rows_html(
            heads, rows, left={len(heads) - 1}, above=_columns(self), below=_notes(self)
        )

    def plot(self, target: str | None = None) -> "Plot":
        """Return a chart of accuracy over latency, predicted.

        Args:
            target: the latency's target, by its key; None for the first one.

        Raises:
            InputError: no latency is predicted for this target.
            MissingRuntimeError: the extra `report` is not installed.
        """
        from bench.notebook.plot import Plot, check_charts

        check_charts()
        targets = [source.key for source in self.origin.latencies]
        key = target if target is not None else next(iter(targets), "")
        if key not in targets:
            raise InputError(
                f"the front has no latency of {target or 'any target'}; it has those of "
                f"{', '.join(targets) or 'none'}"
            )
        from ofabench.charts.search import front_figure

        ordered = sorted(self, key=lambda result: result.predictions[key])
        figure = front_figure(
            self.origin.space,
            [result.arch for result in ordered],
            [result.predictions[key] for result in ordered],
            [result.accuracy for result in ordered],
        )
        return Plot(figure, f"Pareto front, {key}")


def result_lines(result: SearchResult) -> Iterator[str]:
    """Describe one network with its predictions, for a terminal."""
    yield result.space.to_line(result.arch)
    for name, text in _facts(result):
        yield f"  {name} {text}" if name else f"  {text}"


def _facts(result: SearchResult) -> Iterator[tuple[str, str]]:
    """What is predicted of a network and how it was searched, with names."""
    network, origin = result.outcome, result.origin
    yield "predicted accuracy", f"{result.accuracy:.2%}"
    sources = (*origin.latencies, *origin.energies)
    for source in sources:
        yield from _latency_facts(result, source)
    shown = {source.key for source in sources}
    for name, limit in network.limits.items():
        if name not in shown and network.units[name] != "blocks":
            yield name, f"{network.predictions[name]:,.0f} of {limit:,.0f} {network.units[name]}"
    yield "", f"{result.macs / 1e6:.4g} M MACs, {result.params / 1e6:.4g} M parameters"
    seconds = origin.provenance["seconds"]
    yield (
        "",
        f"{result.evaluated:,} networks evaluated in {seconds:.2f} s by {result.strategy}, "
        f"seed {result.seed}",
    )
    if result.ended_by == "seconds":
        yield "", TIME_LIMIT
    yield "accuracy by", origin.accuracy.describe()


def _latency_facts(result: SearchResult, source: LatencySource) -> Iterator[tuple[str, str]]:
    """One latency or energy: its prediction, its limit, and the blocks never measured."""
    network, prediction = result.outcome, source.predictor.predict(result.blocks)
    bound = network.bounds.get(source.key)
    margin = "" if bound is None else f", at most {bound:.4g} with its margin"
    limit = network.limits.get(source.key)
    limit_text = "" if limit is None else f", of {limit:g} {source.unit}"
    statistic = source.predictor.statistic
    statistic_text = "" if statistic == MEDIAN else f" ({statistic})"
    cost = f"{prediction.ms:.4g} {source.unit}{statistic_text}"
    cost += f", give or take {prediction.std_ms:.2g}"
    yield "predicted", f"{cost}{margin}{limit_text} on {source.predictor.target.key}"
    unmeasured, extrapolated = len(prediction.unmeasured), len(prediction.extrapolated)
    for report in result.margins:
        if report.target == source.key:
            yield from (("", f"  {line}") for line in report.lines(result.accuracy))
    if unmeasured:
        blocks = f"{unmeasured} blocks were never measured there, {extrapolated} are extrapolated"
        yield "", blocks


def energies_json(result: SearchResult) -> dict[str, Any]:
    """Return standard deviations and blocks of predicted energies, by name; empty without any."""
    sources = result.origin.energies
    if not sources:
        return {}
    predicted = {source.key: source.predictor.predict(result.blocks) for source in sources}
    return {
        "std_mj": {key: prediction.std_ms for key, prediction in predicted.items()},
        "energy_extrapolated": {
            key: [block.key for block in prediction.extrapolated]
            for key, prediction in predicted.items()
        },
    }


def front_lines(front: Front) -> Iterator[str]:
    """Describe a front as a table, the fastest network first, for a terminal."""
    rows = front_rows(front)
    yield from _columns(front)
    yield from text_table(rows, left={len(rows[0]) - 1})
    yield from (f"  {note}" for note in _notes(front))


def front_rows(front: Front) -> list[tuple[str, ...]]:
    """Return the headings, then a row of cells for each network."""
    names = [source.key for source in front.origin.latencies]
    heads = (f"ms {column}" for column in range(1, len(names) + 1))
    rows = [("pick", "accuracy", *heads, "M MACs", "M parameters", "network")]
    for number, result in enumerate(front, start=1):
        arch = result.arch
        rows.append(
            (
                str(number),
                f"{result.accuracy:.2%}",
                *(f"{result.predictions[name]:.4g}" for name in names),
                f"{result.macs / 1e6:.4g}",
                f"{result.params / 1e6:.4g}",
                f"{arch.resolution} px, depths {'-'.join(map(str, arch.depths))}",
            )
        )
    return rows


def _columns(front: Front) -> Iterator[str]:
    """The target of each column of latencies."""
    for column, source in enumerate(front.origin.latencies, start=1):
        yield f"ms {column}: {source.key}"


def _notes(front: Front) -> Iterator[str]:
    """How a front was searched."""
    evaluated = max(result.evaluated for result in front)
    seconds = front.origin.provenance["seconds"]
    yield f"{evaluated:,} networks evaluated in {seconds:.2f} s, seed {front[0].seed}"
    if any(result.ended_by == "seconds" for result in front):
        yield TIME_LIMIT
    yield f"accuracy by {front.origin.accuracy.describe()}"
