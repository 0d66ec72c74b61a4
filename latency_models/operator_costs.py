"""`OperatorCosts`: what each operator costs at each position of a network, where no block names it.

For spaces that are known by their choices alone, like FBNet's, whose operators have grouped
convolutions and expansions by 1, which no `BlockSpec` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import FileError, InputError, MissingEntryError
from bench.spec import Target
from latency_models.storage import load_frame, require_columns, save_frame, target_and_provenance

WHAT = "operator costs"
COLUMNS = {"position": "text", "operator": "int", "name": "text", "latency_ms": "float"}
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OperatorCosts:
    """Rows: `position` (a column of a networks table, `op0`), `operator` (its value), `name`, ms.

    A pair that was not measured has no row, and is never zero. Positions are in network order.
    """

    target: Target
    provenance: Mapping[str, Any]
    rows: pd.DataFrame

    def __post_init__(self) -> None:
        pairs = self.rows[["position", "operator"]]
        if pairs.duplicated().any():
            position, operator = pairs[pairs.duplicated()].iloc[0]
            raise InputError(f"operator {operator} of {position} is there twice, expected once")
        times = self.rows["latency_ms"].to_numpy(dtype=np.float64)
        bad = np.flatnonzero(~(np.isfinite(times) & (times > 0)))
        if len(bad) or not len(times):
            told = f"{times[bad[0]]} in row {bad[0]}" if len(bad) else "empty"
            raise InputError(f"latency_ms is {told}, expected ms above 0")

    @property
    def positions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.rows["position"]))

    def costs_ms(self, choices: pd.DataFrame) -> Floats:
        """Cost of each choice, (networks, positions) in ms; NaN where it was not measured."""
        lacking = [name for name in self.positions if name not in choices.columns]
        if lacking:
            raise InputError(f"the networks lack the column {lacking[0]!r}, which the costs have")
        columns = []
        for name in self.positions:
            here = self.rows[self.rows["position"] == name].set_index("operator")["latency_ms"]
            columns.append(choices[name].map(here).to_numpy(dtype=np.float64))
        return np.stack(columns, axis=1)

    def sums_ms(self, choices: pd.DataFrame) -> Floats:
        """Sum over positions, (networks,) in ms; `MissingEntryError` names what was not measured.

        Layers without a choice (stem, head) are in none of it.
        """
        costs = self.costs_ms(choices)
        missing = np.argwhere(np.isnan(costs))
        if len(missing):
            row, place = missing[0]
            name = self.positions[place]
            raise MissingEntryError(
                f"operator {choices[name].iloc[row]} of {name} was not measured on "
                f"{self.target.key}; leave out the {len(set(missing[:, 0]))} of {len(costs)} "
                "networks that have such operators"
            )
        return np.asarray(costs.sum(axis=1))

    def save(self, path: Path) -> None:
        """Write parquet, target and provenance in its metadata."""
        metadata = {"target": self.target.to_json(), "provenance": dict(self.provenance)}
        save_frame(path, self.rows, what=WHAT, metadata=metadata)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file back; `FileError` where it is damaged or something else."""
        frame, metadata = load_frame(path, what=WHAT)
        require_columns(path, frame, COLUMNS)
        try:
            target, provenance = target_and_provenance(metadata)
            return cls(target=target, provenance=provenance, rows=frame[list(COLUMNS)])
        except InputError as error:
            raise FileError(f"{path}: {error}; make it again") from error


def costs_frame(rows: Sequence[tuple[str, int, str, float]]) -> pd.DataFrame:
    """Rows of `OperatorCosts` from (position, operator, name, ms)."""
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"latency_ms": np.float64})
