"""Fits on categorical columns, `--space onehot`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.protocol.progress import Progress
from ofabench.options.fit import FitOptions
from ofabench.workflows.latency.network_warnings import other_columns, warn_of_implausible
from ofabench.workflows.latency.predictor import LatencyPredictor
from ofabench.workflows.latency.stored_space import ONEHOT, without_toml

if TYPE_CHECKING:
    from latency_models.tables.networks import NetworksTable


def fit_onehot(
    networks: "NetworksTable",
    priors: Mapping[str, LatencyPredictor],
    options: FitOptions,
    progress: Progress | None = None,
) -> LatencyPredictor:
    """Return a predictor of categories fitted on networks; see `fit`.

    Args:
        networks: measured networks.
        priors: predictors of categories of other devices, by name.
        options: the column and the statistic of the networks' latencies.
        progress: is given each of the prior costs that are tried.
    """
    from latency_models.networks.categories.fit import fit_categories
    from latency_models.networks.categories.predictor import category_columns, codes_of
    from latency_models.tables.networks import foreign_target
    from latency_models.tables.statistic import statistic_provenance

    column = networks.column_or_only(options.column)
    measured = networks.latencies_ms(column, options.statistic)
    columns = category_columns(networks.frame)
    codes = codes_of(networks.frame, columns)
    category_priors = {name: prior.category_predictor for name, prior in priors.items()}
    source = {"column": column, "rows": len(measured), **without_toml(networks.provenance)}
    fitted = fit_categories(
        columns,
        codes,
        measured,
        networks.target_of(column) or foreign_target(column),
        priors=category_priors,
        provenance={
            "space": ONEHOT,
            **statistic_provenance(options.statistic),
            "networks": source,
        },
        progress=progress,
    )
    baselines = {
        name: prior.predict(codes)
        for name, prior in category_priors.items()
        if prior.columns == columns
    }
    baselines |= other_columns(networks, column)
    warn_of_implausible(column, codes, measured, baselines)
    return LatencyPredictor.of(fitted.predictor)
