"""Networks that are there twice, and latencies that are no ms: what is said of them, and when."""

import numpy as np
import pytest

from latency_models.networks.plausibility import duplicates, other_unit

MS = np.array([20.0, 30.0, 40.0])
MACS = np.full(3, 300e6)  # 300 MMACs in 30 ms are 10 GMACs a second


def test_rows_of_the_same_network_are_counted_and_the_first_is_named() -> None:
    codes = np.array([[1, 2], [3, 4], [1, 2], [5, 6], [1, 2]])

    message = duplicates(codes, np.array([1.0, 2.0, 1.25, 3.0, 1.5]))

    assert message is not None
    assert message.startswith(
        "2 of 5 rows are networks of earlier rows (rows 0 and 2: 1 and 1.25 ms)"
    )
    assert duplicates(codes[:2], np.array([1.0, 2.0])) is None


@pytest.mark.parametrize(
    ("scale", "unit"),
    [
        (1e-3, "seconds"),
        (1e3, "microseconds"),
        (1e6, "nanoseconds"),
        (1.0, None),
        (100.0, None),  # another device may be so slow
        (0.01, None),
    ],
)
def test_a_factor_of_1000_from_every_baseline_is_another_unit(
    scale: float, unit: str | None
) -> None:
    message = other_unit(MS * scale, {"the predictor": MS, "other_ms": MS * 1.5})

    if unit is None:
        assert message is None
    else:
        assert message is not None
        assert message.startswith(
            f"they look like {unit}, not ms: their median is {30 * scale:.4g}"
        )


def test_one_baseline_that_agrees_is_enough_for_ms() -> None:
    assert other_unit(MS * 1e3, {"a slow device": MS * 900, "a fast one": MS}) is None


def test_baselines_without_known_networks_are_ignored() -> None:
    assert other_unit(MS, {"other_ms": np.full(3, np.nan)}) is None
    message = other_unit(MS, {"other_ms": np.array([np.nan, 0.03, np.nan])})
    assert message is not None
    assert message.endswith("1e+03 times that of other_ms")  # 30 over 0.03


@pytest.mark.parametrize(
    ("ms", "macs", "unit"),
    [
        (30.0, 300e6, None),
        (0.03, 300e6, "seconds"),  # 10 TMACs a second
        (30_000.0, 300e6, "microseconds"),  # 10 MMACs a second
        (0.5, 4e9, None),  # a large network on a large GPU
        (0.03, 1e6, None),  # a tiny network
    ],
)
def test_without_baselines_the_unit_is_judged_by_implausible_speed(
    ms: float, macs: float, unit: str | None
) -> None:
    message = other_unit(np.full(3, ms), {}, np.full(3, macs))

    assert (message or "they look like None,").startswith(f"they look like {unit},")
    assert other_unit(np.full(3, ms), {}) is None
