"""`LatencyPredictor`: predicts latencies of networks on one target; stored in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bench.errors import InputError
from bench.protocol.target import Target
from ofabench.workflows.latency.evaluation import (
    Evaluation,
    evaluate_blocks,
    evaluate_categories,
)
from ofabench.workflows.latency.network_input import (
    as_networks_table,
    blocks_of,
    category_codes,
    space_codes,
)
from ofabench.workflows.latency.predictions import (
    Predictions,
    predictions_of_blocks,
    predictions_of_categories,
)
from ofabench.workflows.latency.stored_space import ONEHOT, StoredSpace, stored_space

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from bench.drift.log import DriftLog
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor
    from latency_models.tables.networks import NetworksTable
    from supernet.space.arch import ArchConfig
    from supernet.space.space import SearchSpace

__all__ = ["Evaluation", "LatencyPredictor", "Predictions", "load_predictor"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LatencyPredictor:
    """Predictor of latencies of networks on one target; it knows its space or its categories.

    `fit` and `load_predictor` return one. It wraps a predictor of blocks (`block_predictor`), or
    one of columns of categories (`category_predictor`) if it was fitted with the space `onehot`.

    Attributes:
        fitted: the wrapped predictor.
        stored_space: the space stored in its file, with its description for messages.
    """

    fitted: "BlockPredictor | CategoryPredictor"
    stored_space: StoredSpace

    @classmethod
    def of(
        cls,
        fitted: "BlockPredictor | CategoryPredictor",
        space: "str | Path | SearchSpace | None" = None,
        *,
        description: str = "the predictor",
    ) -> Self:
        """Return a predictor of blocks or categories with the space of its provenance.

        Args:
            fitted: a result of `fit_predictor` or `fit_categories` of `latency_models`.
            space: the space of its networks, for predictors that have none; else it must agree.
            description: the predictor in words for messages, such as the name of its file.

        Raises:
            InputError: the predictor is of another space, or of categories where a space is given.
        """
        predictor = cls(fitted, stored_space(fitted.provenance, description))
        if predictor._categories is None and space != ONEHOT:
            agreed = predictor.stored_space.agreed(space)
            if agreed is None:
                return predictor
            return cls(fitted, replace(predictor.stored_space, name=agreed.name, space=agreed))
        if space is not None:
            predictor.check_kind(space)
        return predictor

    @property
    def target(self) -> Target:
        """The target of the predictions."""
        return self.fitted.target

    @property
    def statistic(self) -> str:
        """The predicted statistic of a network's samples: `median`, or `p90`."""
        return self.fitted.statistic

    @property
    def drift_log(self) -> "DriftLog | None":
        """Latencies of anchor networks in each known measurement session; None without a log."""
        from latency_models.drift.provenance import drift_log_of

        return drift_log_of(self.provenance)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Data, date and version of the fit, as JSON values."""
        return self.fitted.provenance

    @property
    def space(self) -> "SearchSpace | None":
        """The space of its networks; None for categories, and for older files without it."""
        return self.stored_space.space

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the codes for `predict`; empty if the space is unknown."""
        categories = self._categories
        if categories is not None:
            return categories.columns
        return () if self.space is None else tuple(self.space.columns)

    @property
    def block_predictor(self) -> "BlockPredictor":
        """The predictor of blocks, which searches compile; `InputError` if it has categories."""
        from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor

        if not isinstance(self.fitted, BlockPredictor):
            raise InputError(
                f"{self.stored_space.description} is a predictor of categories (--space {ONEHOT}), "
                "expected a latency predictor of blocks: fit one with the networks' space"
            )
        return self.fitted

    @property
    def category_predictor(self) -> "CategoryPredictor":
        """The predictor of categories; `InputError` if it is one of blocks."""
        if self._categories is None:
            raise InputError(
                f"{self.stored_space.description} is a latency predictor of blocks, expected a "
                f"predictor of categories: fit one with --space {ONEHOT}"
            )
        return self._categories

    @property
    def _categories(self) -> "CategoryPredictor | None":
        from latency_models.networks.categories.predictor import CategoryPredictor

        return self.fitted if isinstance(self.fitted, CategoryPredictor) else None

    def predict(
        self, networks: "ArchConfig | Sequence[ArchConfig] | NDArray[Any] | pd.DataFrame"
    ) -> Predictions:
        """Return the latencies of networks.

        Args:
            networks: an `ArchConfig` of `space`, several, whole numbers (n, columns) as
                `space.encode` gives them, or a pandas DataFrame that has `columns`.

        Returns:
            Latencies and standard deviations in ms, (n,), as `ofabench predict` prints them.

        Raises:
            InputError: the networks are of another type, shape or space, or there is none.

        Example:
            >>> import numpy as np
            >>> from ofabench.workflows.latency.fit import FitOptions, fit
            >>> from supernet.space.space import SearchSpace
            >>> space = SearchSpace.load("tiny")
            >>> archs = space.sample(np.random.default_rng(0), 12)
            >>> macs = [sum(block.macs for block in space.blocks(arch)) for arch in archs]
            >>> measured = space.to_frame(archs).assign(box_ms=np.array(macs) / 1e6)
            >>> predictor = fit(networks=measured, options=FitOptions(space="tiny"))
            >>> predictions = predictor.predict(archs[:3])
            >>> bool(np.allclose(predictions.ms, measured["box_ms"][:3], rtol=0.05))
            True
            >>> predictions.frame.columns[-3:].tolist()
            ['latency_ms', 'std_ms', 'extrapolated']
        """
        categories = self._categories
        if categories is not None:
            codes = category_codes(networks, categories.columns)
            return predictions_of_categories(categories, codes)
        space = self.stored_space.needed()
        codes_of_space = space_codes(networks, space)
        blocks = blocks_of(space, codes_of_space)
        return predictions_of_blocks(self.block_predictor, blocks, space.frame_of(codes_of_space))

    def evaluate(
        self,
        networks: "NetworksTable | pd.DataFrame | str | Path",
        *,
        column: str | None = None,
        space: str | Path | None = None,
    ) -> Evaluation:
        """Return the errors on measured networks, with baselines.

        Networks of the fit are excluded, unless all are. Implausible rows of the table are logged
        as warnings.

        Args:
            networks: a `NetworksTable`, its file, or a pandas DataFrame that has the columns of
                the networks' space and latencies in ms.
            column: the column of latencies; default: the only one.
            space: the space of the networks, if neither the table nor the predictor has it.

        Returns:
            Figures, baselines and repeatability; it prints like `ofabench evaluate`.

        Raises:
            InputError: the table lacks a column, has values that are no latencies above 0, or is
                of another space than the one given.
            FileError: the file cannot be read.

        Example:
            >>> import numpy as np
            >>> from ofabench.workflows.latency.fit import FitOptions, fit
            >>> from supernet.space.space import SearchSpace
            >>> space = SearchSpace.load("tiny")
            >>> archs = space.sample(np.random.default_rng(0), 24)
            >>> macs = [sum(block.macs for block in space.blocks(arch)) for arch in archs]
            >>> measured = space.to_frame(archs).assign(box_ms=np.array(macs) / 1e6)
            >>> predictor = fit(networks=measured[:12], options=FitOptions(space="tiny"))
            >>> evaluation = predictor.evaluate(measured[12:])
            >>> evaluation.within_10 >= evaluation.figures["best_constant"]["within_10"]
            True
        """
        from ofabench.workflows.latency.networks import space_to_evaluate

        if space is not None:
            self.check_kind(space)
        table = as_networks_table(networks)
        column_name = table.column_or_only(column)
        categories = self._categories
        if categories is not None:
            return evaluate_categories(categories, table, column_name)
        networks_space = space_to_evaluate(table, space, self.stored_space)
        return evaluate_blocks(self.block_predictor, table, column_name, networks_space)

    def check_kind(self, space: "str | Path | SearchSpace") -> None:
        """Raise `InputError` for `onehot` with blocks, or a space with categories."""
        if self._categories is not None and space != ONEHOT:
            raise InputError(
                f"{self.stored_space.description} is a predictor of categories, --space {ONEHOT}; "
                f"expected a latency predictor for --space {getattr(space, 'name', space)}: "
                "leave --space out"
            )
        if self._categories is None and space == ONEHOT:
            name = self.stored_space.name
            space_text = "" if name is None else f" of the space {name!r}"
            raise InputError(
                f"{self.stored_space.description} is a latency predictor{space_text}; expected a "
                f"predictor of categories for --space {ONEHOT}: leave --space out"
            )

    def save(self, path: str | Path) -> None:
        """Write one parquet file, with target and space."""
        self.fitted.save(path)

    def to_dict(self) -> dict[str, Any]:
        """Return target, space, columns and provenance as JSON values."""
        return {
            "target": self.target.to_json(),
            "space": ONEHOT if self._categories is not None else self.stored_space.name,
            "columns": list(self.columns),
            "provenance": dict(self.provenance),
        }

    def __repr__(self) -> str:
        if self._categories is not None:
            domain = f"categories of {len(self.columns)} columns"
        else:
            domain = f"space {self.stored_space.name or 'not known'}"
        return f"LatencyPredictor of {self.target.key}: {domain}"

    def _repr_html_(self) -> str:
        from ofabench.workflows.latency.fit_html import fit_html

        return fit_html(repr(self), self.fitted)


def load_predictor(
    path: str | Path, *, space: "str | Path | SearchSpace | None" = None
) -> LatencyPredictor:
    """Return the latency predictor in a file of `ofabench fit`.

    Args:
        path: the file.
        space: name, TOML file or space, for older files without it; else it must agree.

    Returns:
        The predictor, with its space or its categories, target and columns.

    Raises:
        FileError: the file cannot be read, or holds something else.
        InputError: the file is of another space than the one given.

    Example:
        >>> load_predictor("absent.parquet")
        Traceback (most recent call last):
        bench.errors.FileError: cannot read absent.parquet: No such file or directory
    """
    from latency_models.networks.categories.file import WHAT
    from latency_models.networks.categories.predictor import CategoryPredictor
    from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor
    from latency_models.tables.storage import kind_of

    path = Path(path)
    of_categories = kind_of(path) == WHAT
    model = CategoryPredictor.load(path) if of_categories else BlockPredictor.load(path)
    return LatencyPredictor.of(model, space, description=str(path))
