"""Sessions in which the corpus was measured, and the machine's speed in one relative to another."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.sweep.store import SweepStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Latencies of models by name, and of reference workloads by theirs, in ms."""

    models: dict[str, float]
    references: dict[str, float]
    facts: dict[str, Any]
    started_at: str


def session_of(path: Path) -> Session:
    """Read a session's latencies."""
    models: dict[str, float] = {}
    references: dict[str, float] = {}
    with SweepStore.open(path) as store:
        for each in store.measurements():
            if each.workload.role == "model":
                models[Path(json.loads(each.workload.label)["file"]).stem] = each.median_ms
            elif each.workload.role == "reference":
                references[str(each.workload)] = each.median_ms
        started_at = store.sessions()[0].started_at
        return Session(
            models=models, references=references, facts=dict(store.facts), started_at=started_at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """How much slower the evaluation session was, for each family."""

    by_family: dict[str, float]
    by: str

    @classmethod
    def of(cls, fitted: Session, judging: Session, families: dict[str, str], by: str) -> "Levels":
        """Return the levels by the reference workloads, or by the models of other families."""
        if by == "references":
            level = float(np.exp(np.mean(np.log(ratios(fitted.references, judging.references)))))
            return cls(by_family=dict.fromkeys(families.values(), level), by=by)
        levels = {}
        for family in set(families.values()):
            others = {
                name: ms for name, ms in fitted.models.items() if families.get(name) != family
            }
            levels[family] = float(np.median(ratios(others, judging.models)))
        return cls(by_family=levels, by=by)

    def sentence(self) -> str:
        """Say what is taken off."""
        shown = " to ".join(
            f"{level - 1:+.1%}"
            for level in sorted({min(self.by_family.values()), max(self.by_family.values())})
        )
        source = "reference workloads" if self.by == "references" else "models of other families"
        return f"By the {source} the second session was {shown} slower, which is taken off."


def ratios(fitted: dict[str, float], judging: dict[str, float]) -> list[float]:
    """Return the later over the earlier latency of all that both sessions measured."""
    return [judging[name] / ms for name, ms in fitted.items() if name in judging] or [1.0]
