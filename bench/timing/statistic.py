"""The statistic of a measurement that a limit or a prediction refers to."""

MEDIAN, P90 = STATISTICS = ("median", "p90")
