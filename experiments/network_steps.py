"""Commands that fit and evaluate one target's predictor, in `whole_networks`."""

from dataclasses import dataclass
from pathlib import Path

from experiments.steps import Step
from supernet.space.space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Amount of measurements."""

    space: str
    device: str
    judged: int
    fitted: int = 20
    anchors: int = 8  # of those, measured again with held-out networks
    fit_how: tuple[str, ...] = ("--replicates", "4", "--rounds", "15")
    judge_how: tuple[str, ...] = ("--replicates", "2", "--rounds", "5")
    again_how: tuple[str, ...] = ("--replicates", "1", "--rounds", "5")
    searched_how: tuple[str, ...] = ("--replicates", "3", "--rounds", "10")

    def measured_resolutions(self) -> list[int]:
        """Return two of three resolutions, including both ends."""
        sizes = SearchSpace.load(self.space).resolutions
        return [size for place, size in enumerate(sizes) if place % 3 != 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSteps:
    """One backend at one number of threads; its files are `folder`/NAME-..."""

    folder: Path
    backend: str
    threads: int
    amount: Amount

    @property
    def name(self) -> str:
        return f"{self.backend}-t{self.threads}"

    def at(self, name: str) -> Path:
        return self.folder / f"{self.name}-{name}"

    def fitting(self) -> list[Step]:
        """Sweep blocks and informative networks, and fit."""
        amount = self.amount
        sizes = ",".join(map(str, amount.measured_resolutions()))
        what = ("--resolutions", sizes, "--networks", f"{amount.fitted}", "--informative",
                "--ends", *amount.fit_how)  # fmt: skip
        fit = Step(
            title=f"{self.name}: fit",
            argv=("fit", f"{self.at('fit.parquet')}", "--networks", f"{self.at('fit-n.parquet')}",
                  "--out", f"{self.at('predictor.parquet')}"),
            makes=self.at("predictor.parquet"),
        )  # fmt: skip
        return [*self._swept("fit", what), fit]

    def judging(self, name: str) -> list[Step]:
        """Sweep the held-out networks (`judge`, `again`) or those that a search found.

        They include some of the fit's networks, which show the machine's drift since then.
        """
        amount = self.amount
        archs = self.at("searched.jsonl" if name == "searched" else "anchors.jsonl")
        what = ("--blocks", "1", "--archs", f"{archs}")
        if name == "searched":
            return self._swept(name, (*what, *amount.searched_how))
        how = amount.judge_how if name == "judge" else amount.again_how
        return self._swept(name, (*what, "--networks", f"{amount.judged}", "--seed", "1", *how))

    def _swept(self, name: str, what: tuple[str, ...]) -> list[Step]:
        store, table = self.at(f"{name}.sqlite"), self.at(f"{name}.parquet")
        networks = self.at(f"{name}-n.parquet")
        sweep = Step(
            title=f"{self.name}: sweep to {name}",
            argv=("sweep", "--space", self.amount.space, "--device", self.amount.device,
                  "--backend", self.backend, "--threads", f"{self.threads}", *what,
                  "--out", f"{store}"),
            makes=networks,
            resumes=store,
        )  # fmt: skip
        build = Step(
            title=f"{self.name}: tables to {name}",
            argv=("table", "build", f"{store}", "--out", f"{table}",
                  "--networks-out", f"{networks}"),
            makes=networks,
        )  # fmt: skip
        return [sweep, build]
