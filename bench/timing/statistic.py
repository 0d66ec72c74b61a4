"""Which statistic of a measurement a limit or a prediction refers to."""

MEDIAN, P90 = STATISTICS = ("median", "p90")
