"""A GPU's figures, each by commands that a person can type: for batch 1 and 64, fp32 and fp16.

Two sweeps of every block, in two processes; networks of the one to fit on, of the other to judge.
Where the host is an Intel Xeon, its own figures too: no developer of this project has one.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.workflows.quickstart.steps import Step

if TYPE_CHECKING:
    from latency_models.evaluation.additivity import Additivity

BATCHES = (1, 64)
PRECISIONS = ("fp32", "fp16")
XEON_BACKENDS = ("onnx", "torch", "tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much is measured; `blocks` is how many of the space's, None for all."""

    space: str = "ofa-mbv3-w1.0"
    blocks: int | None = None
    fitted: int = 20
    judged: int = 300
    loads: int = 6
    passes: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCheck:
    """One target's figures; `words` are the options of `sweep` that name it."""

    folder: Path
    name: str
    words: tuple[str, ...]
    amount: Amount
    forced: bool = False

    def at(self, name: str) -> Path:
        """A file of this part."""
        return self.folder / f"{self.name}-{name}"

    def steps(self) -> list[Step]:
        """What is run, in order."""
        fit = Step(
            title=f"{self.name}: fit",
            argv=("fit", f"{self.at('first.parquet')}",
                  "--networks", f"{self.at('first-networks.parquet')}",
                  "--out", f"{self.at('predictor.parquet')}"),
            makes=self.at("predictor.parquet"),
        )  # fmt: skip
        judge = Step(
            title=f"{self.name}: judge",
            argv=("evaluate", f"{self.at('predictor.parquet')}",
                  "--networks", f"{self.at('second-networks.parquet')}", "--json"),
            makes=self.at("evaluation.json"),
            keeps_stdout=True,
        )  # fmt: skip
        first = self._swept("first", self.amount.fitted, seed=0, ends=("--ends",))
        return [*first, *self._swept("second", self.amount.judged, seed=1), fit, judge]

    def figures(self) -> dict[str, Any]:
        """Read what the steps left."""
        from bench.sweep.repeatability import compare_sweeps
        from bench.sweep.store import SweepStore
        from bench.sweep.summary import summarise

        stores = [self.at("first.sqlite"), self.at("second.sqlite")]
        with SweepStore.open(stores[0]) as store:
            summary, target = summarise(store), store.target
        return {
            "target": target.to_json(),
            "sweep": summary.to_json(),
            "repeatability": compare_sweeps(*stores),
            "networks": json.loads(self.at("evaluation.json").read_text()),
            "additivity": [asdict(one) for one in self._additivity()],
        }

    def _swept(
        self, name: str, networks: int, *, seed: int, ends: Sequence[str] = ()
    ) -> list[Step]:
        store, table = self.at(f"{name}.sqlite"), self.at(f"{name}.parquet")
        amount = self.amount
        among = () if amount.blocks is None else ("--blocks", f"{amount.blocks}")
        sweep = Step(
            title=f"{self.name}: {name} sweep",
            argv=("sweep", "--space", amount.space, *self.words,
                  *among, "--networks", f"{networks}", "--seed", f"{seed}", *ends,
                  "--loads", f"{amount.loads}", "--passes", f"{amount.passes}",
                  *(("--force",) if self.forced else ()), "--out", f"{store}"),
            makes=table,
            resumes=store,
        )  # fmt: skip
        build = Step(
            title=f"{self.name}: {name} tables",
            argv=("table", "build", f"{store}", "--out", f"{table}",
                  "--networks-out", f"{self.at(f'{name}-networks.parquet')}"),
            makes=table,
        )  # fmt: skip
        return [sweep, build]

    def _additivity(self) -> "list[Additivity]":
        from latency_models.evaluation.additivity import additivity
        from latency_models.tables.networks import NetworksTable
        from latency_models.tables.table import LatencyTable
        from ofabench.workflows.latency.networks import space_of

        if self.amount.blocks is not None:  # most networks hold a block that was not measured
            return []
        table = LatencyTable.load(self.at("first.parquet"))
        networks = NetworksTable.load(self.at("first-networks.parquet"))
        space = space_of(networks, self.amount.space)
        blocks = [space.blocks(arch) for arch in space.from_frame(networks.frame)]
        return additivity(table, blocks, networks.latencies_ms(networks.column_or_only(None)))


def gpu_checks(
    folder: Path, device: Sequence[str], backend: str, amount: Amount, *, forced: bool = False
) -> list[TargetCheck]:
    """What is measured on a GPU, named by the words `device`."""
    on = (*device, "--backend", backend)
    return [
        TargetCheck(
            folder=folder,
            name=f"batch{batch}-{precision}",
            words=(*on, "--batch", f"{batch}", "--precision", precision),
            amount=amount,
            forced=forced,
        )
        for batch in BATCHES
        for precision in PRECISIONS
    ]


def xeon_checks(  # noqa: PLR0913
    folder: Path,
    cpu_model: str | None,
    cores: int,
    amount: Amount,
    *,
    forced: bool = False,
    wait: bool = False,
) -> list[TargetCheck]:
    """What is measured on the host's processor: nothing unless it is an Intel Xeon."""
    waits = ("--wait",) * wait
    if cpu_model is None or "Xeon" not in cpu_model:
        return []
    return [
        TargetCheck(
            folder=folder,
            name=f"cpu-{backend}-{threads}",
            words=("--device", "cpu", *waits, "--backend", backend, "--threads", f"{threads}"),
            amount=amount,
            forced=forced,
        )
        for backend in XEON_BACKENDS
        for threads in sorted({1, cores})
    ]


def report(checks: Sequence[TargetCheck]) -> tuple[dict[str, Any], list[str]]:
    """Every check's figures by its name, and lines that tell them."""
    figures = {check.name: check.figures() for check in checks}
    lines = [
        f"{'':<14} {'twice: median':>14} {'p95':>6} {'within 5 %':>11} {'10 %':>6} "
        f"{'Spearman':>9} {'sweep':>7}  best sum"
    ]
    return figures, [*lines, *(_line(name, one) for name, one in figures.items())]


def _line(name: str, one: dict[str, Any]) -> str:
    twice, networks = one["repeatability"], one["networks"]
    rank = networks["spearman"]
    best = min(one["additivity"], key=lambda state: state["spread"], default=None)
    told = "-" if best is None else f"{best['state']} (spread {best['spread']:.1%})"
    spearman = "-" if rank is None else f"{rank:.3f}"
    return (
        f"{name:<14} {twice['difference_median']:>14.1%} {twice['difference_p95']:>6.1%} "
        f"{networks['within_5']:>11.0%} {networks['within_10']:>6.0%} "
        f"{spearman:>9} {one['sweep']['wall_s']:>5.0f} s  {told}"
    )
