"""`LatencyPredictor`: predicts latencies of networks on a device; stored in a file."""

import html
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
    """Predicts what networks take on one target; it knows its space or its categories.

    `fit` and `load_predictor` make one. It wraps a predictor of blocks (`block_predictor`), or one
    of columns of categories (`category_predictor`) where it was fitted with the space `onehot`.

    Attributes:
        model: the predictor that it wraps.
        kept: what its file says of its space, for messages; `space` is that space.
    """

    model: "BlockPredictor | CategoryPredictor"
    kept: StoredSpace

    @classmethod
    def of(
        cls,
        model: "BlockPredictor | CategoryPredictor",
        space: "str | Path | SearchSpace | None" = None,
        *,
        what: str = "the predictor",
    ) -> Self:
        """Return a predictor of blocks or categories with the space that it says it is of.

        Args:
            model: what `fit_predictor` or `fit_categories` of `latency_models` made.
            space: that of its networks, for models that do not say; it must agree with those that
                do.
            what: the predictor in words for messages, as the name of its file.

        Raises:
            InputError: the model is of another space, or of categories where a space is given.
        """
        made = cls(model, stored_space(model.provenance, what))
        if made._categories is None and space != ONEHOT:
            found = made.kept.agreed(space)
            if found is None:
                return made
            return cls(model, replace(made.kept, name=found.name, space=found))
        if space is not None:
            made.check_kind(space)
        return made

    @property
    def target(self) -> Target:
        """Device, backend and the rest that latencies are predicted for."""
        return self.model.target

    @property
    def statistic(self) -> str:
        """What of a network's samples is predicted: `median`, or `p90`."""
        return self.model.statistic

    @property
    def drift_log(self) -> "DriftLog | None":
        """What anchor networks took in each known measurement session; None where none is kept."""
        from latency_models.drift.provenance import kept_log

        return kept_log(self.provenance)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What it was fitted on, when, and by which version, as JSON values."""
        return self.model.provenance

    @property
    def space(self) -> "SearchSpace | None":
        """Space whose networks it predicts; None for categories, and where its file is older."""
        return self.kept.space

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the codes that `predict` takes; none where the space is not known."""
        categories = self._categories
        if categories is not None:
            return categories.columns
        return () if self.space is None else tuple(self.space.columns)

    @property
    def block_predictor(self) -> "BlockPredictor":
        """The predictor of blocks, which searches compile; `InputError` where it has categories."""
        from latency_models.predictors.predictor import LatencyPredictor as BlockPredictor

        if not isinstance(self.model, BlockPredictor):
            raise InputError(
                f"{self.kept.what} is a predictor of categories (--space {ONEHOT}), expected a "
                "latency predictor of blocks: fit one with the networks' space"
            )
        return self.model

    @property
    def category_predictor(self) -> "CategoryPredictor":
        """The predictor of categories; `InputError` where it is one of blocks."""
        if self._categories is None:
            raise InputError(
                f"{self.kept.what} is a latency predictor of blocks, expected a predictor of "
                f"categories: fit one with --space {ONEHOT}"
            )
        return self._categories

    @property
    def _categories(self) -> "CategoryPredictor | None":
        from latency_models.networks.categories.predictor import CategoryPredictor

        return self.model if isinstance(self.model, CategoryPredictor) else None

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
        space = self.kept.needed()
        found = space_codes(networks, space)
        blocks = blocks_of(space, found)
        return predictions_of_blocks(self.block_predictor, blocks, space.frame_of(found))

    def evaluate(
        self,
        networks: "NetworksTable | pd.DataFrame | str | Path",
        *,
        column: str | None = None,
        space: str | Path | None = None,
    ) -> Evaluation:
        """Return how well measured networks are predicted, beside the baselines.

        Networks that the predictor was fitted on are left out, unless all were. What is suspicious
        in the table is logged as a warning.

        Args:
            networks: a `NetworksTable`, its file, or a pandas DataFrame that has the columns of
                the networks' space and latencies in ms.
            column: name of the latencies; default: the only ones.
            space: that of the networks, where neither the table nor the predictor says it.

        Returns:
            The figures, the baselines and the noise; it prints as `ofabench evaluate` does.

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
        from ofabench.workflows.latency.networks import space_to_judge

        if space is not None:
            self.check_kind(space)
        table = as_networks_table(networks)
        named = table.column_or_only(column)
        categories = self._categories
        if categories is not None:
            return evaluate_categories(categories, table, named)
        judged = space_to_judge(table, space, self.kept)
        return evaluate_blocks(self.block_predictor, table, named, judged)

    def check_kind(self, space: "str | Path | SearchSpace") -> None:
        """Raise `InputError` where `onehot` is given for blocks, or a space for categories."""
        if self._categories is not None and space != ONEHOT:
            raise InputError(
                f"{self.kept.what} is a predictor of categories, --space {ONEHOT}; expected a "
                f"latency predictor for --space {getattr(space, 'name', space)}: leave --space out"
            )
        if self._categories is None and space == ONEHOT:
            of = "" if self.kept.name is None else f" of the space {self.kept.name!r}"
            raise InputError(
                f"{self.kept.what} is a latency predictor{of}; expected a predictor of categories "
                f"for --space {ONEHOT}: leave --space out"
            )

    def save(self, path: str | Path) -> None:
        """Write one parquet file, which says itself what it is of."""
        self.model.save(path)

    def to_dict(self) -> dict[str, Any]:
        """Return what the predictor is, without what it learnt, as JSON values."""
        return {
            "target": self.target.to_json(),
            "space": ONEHOT if self._categories is not None else self.kept.name,
            "columns": list(self.columns),
            "provenance": dict(self.provenance),
        }

    def __repr__(self) -> str:
        if self._categories is not None:
            of = f"categories of {len(self.columns)} columns"
        else:
            of = f"space {self.kept.name or 'not known'}"
        return f"LatencyPredictor of {self.target.key}: {of}"

    def _repr_html_(self) -> str:
        from ofabench.workflows.latency.fit_text import fit_words

        return f"<p>{html.escape(repr(self))}</p><pre>{html.escape(fit_words(self.model))}</pre>"


def load_predictor(
    path: str | Path, *, space: "str | Path | SearchSpace | None" = None
) -> LatencyPredictor:
    """Return the latency predictor in a file of `ofabench fit`.

    Args:
        path: the file.
        space: name, TOML file or space, for files of an older ofabench that do not hold it; it
            must agree with those that do.

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
    return LatencyPredictor.of(model, space, what=str(path))
