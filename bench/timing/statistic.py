"""Which figure of a measurement a limit or a prediction is of."""

MEDIAN, P90 = STATISTICS = ("median", "p90")
