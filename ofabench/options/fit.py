"""Options of `fit`: which networks a predictor is fitted on."""

from dataclasses import dataclass

from bench.options import Options, option
from bench.timing.statistic import MEDIAN, STATISTICS


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions(Options):
    """What the measured networks of a fit are.

    Example:
        >>> FitOptions(space="ofa-mbv3-w1.0", column="note8_ms").to_dict()
        {'column': 'note8_ms', 'space': 'ofa-mbv3-w1.0', 'statistic': 'median'}
    """

    column: str | None = option(None, metavar="C", help="their latency; default: the only one")
    space: str | None = option(
        None,
        metavar="NAME|FILE.toml|onehot",
        help="default: the table names it; onehot takes columns of whole numbers as categories",
    )
    statistic: str = option(
        MEDIAN,
        choices=STATISTICS,
        help="what of the networks' samples is predicted; p90 needs their p90 column ({default})",
    )
