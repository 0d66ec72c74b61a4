"""Options of `fit`: the measured networks and the statistic."""

from dataclasses import dataclass

from bench.options import Options, option
from bench.timing.statistic import MEDIAN, STATISTICS


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions(Options):
    """Column, space and statistic of the measured networks.

    Example:
        >>> FitOptions(space="ofa-mbv3-w1.0", column="note8_ms").to_dict()
        {'column': 'note8_ms', 'space': 'ofa-mbv3-w1.0', 'statistic': 'median'}
    """

    column: str | None = option(
        None, metavar="C", help="column of the networks' latency; default: the only one"
    )
    space: str | None = option(
        None,
        metavar="NAME|FILE.toml|onehot",
        help="space of the networks (default: the table's); onehot treats columns of whole "
        "numbers as categories",
    )
    statistic: str = option(
        MEDIAN,
        choices=STATISTICS,
        help="statistic of the networks' timing samples to predict; p90 needs a p90 column "
        "({default})",
    )
