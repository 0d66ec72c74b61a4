"""Learners of the learning curves: blocks of a space, categories, and ridge as a baseline."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from latency_models.fitting import fit_predictor
from latency_models.networks.categories.fit import fit_categories
from latency_models.networks.categories.predictor import Codes, category_columns, codes_of
from latency_models.regression.features import block_sums
from latency_models.tables.networks import NetworksTable, foreign_target
from latency_models.vectorized.vectorized_predictor import compile_latency
from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Learner(ABC):
    """A table of networks of which any latency column can be fitted and predicted.

    `design` (n, m) counts what networks are made of; `macs` (n,), where they are known.
    """

    table: NetworksTable
    design: Floats
    macs: Floats | None

    @property
    def networks(self) -> int:
        return len(self.table.frame)

    @property
    def columns(self) -> list[str]:
        return [str(name) for name in self.table.frame.columns if str(name).endswith("_ms")]

    def measured_ms(self, column: str) -> Floats:
        return self.table.latencies_ms(column)

    @abstractmethod
    def fit(self, column: str, rows: Rows, priors: Mapping[str, Any]) -> Any: ...

    @abstractmethod
    def predict(self, predictor: Any, rows: Rows) -> Floats: ...


@dataclass(frozen=True, kw_only=True)
class BlockLearner(Learner):
    """Networks of a space."""

    codes: NDArray[np.int16]
    space: SearchSpace
    blocks: Sequence[Sequence[BlockSpec]]
    every: Sequence[BlockSpec]

    @classmethod
    def load(cls, path: Path, name: str) -> Self:
        table, space = NetworksTable.load(path), SearchSpace.load(name)
        codes = space.codes_of(table.frame)
        blocks = [space.blocks(arch) for arch in space.decode(codes)]
        every = space.unique_blocks()
        macs = np.array([float(sum(block.macs for block in network)) for network in blocks])
        return cls(
            table=table,
            design=block_sums(blocks, every),
            macs=macs,
            codes=codes,
            space=space,
            blocks=blocks,
            every=every,
        )

    def fit(self, column: str, rows: Rows, priors: Mapping[str, Any]) -> Any:
        return fit_predictor(
            None,
            [self.blocks[row] for row in rows],
            self.measured_ms(column)[rows],
            target=foreign_target(column),
            blocks=self.every,
            priors=priors,
        )

    def predict(self, predictor: Any, rows: Rows) -> Floats:
        return compile_latency(predictor, self.space.choices).predict(self.codes[rows])


@dataclass(frozen=True, kw_only=True)
class CategoryLearner(Learner):
    """Networks that are rows of categories."""

    codes: Codes
    names: tuple[str, ...]

    @classmethod
    def load(cls, path: Path) -> Self:
        table = NetworksTable.load(path)
        names = category_columns(table.frame)
        codes = codes_of(table.frame, names)
        design = np.concatenate(
            [(column[:, None] == np.unique(column)).astype(np.float64) for column in codes.T],
            axis=1,
        )
        return cls(table=table, design=design, macs=None, codes=codes, names=names)

    def fit(self, column: str, rows: Rows, priors: Mapping[str, Any]) -> Any:
        measured = self.measured_ms(column)[rows]
        target = foreign_target(column)
        return fit_categories(
            self.names, self.codes[rows], measured, target, priors=priors
        ).predictor

    def predict(self, predictor: Any, rows: Rows) -> Floats:
        result: Floats = predictor.predict(self.codes[rows])
        return result


def ridge(fitted: Floats, measured_ms: Floats, judged: Floats) -> Floats:
    """Return predictions by ridge regression on counts, with the penalty by leave-one-out."""
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=np.logspace(-3, 3, 13)).fit(fitted, measured_ms)
    result: Floats = model.predict(judged)
    return result
