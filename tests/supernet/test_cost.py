"""`supernet.cost`: straight lines and where they cross, by hand."""

import pytest

from bench.errors import InputError
from supernet import cost
from supernet.cost import Amount, Approach, Grid, amount_of


def line(once_h: float, each_h: float, once_kwh: float = 0, each_kwh: float = 0) -> Approach:
    return Approach(
        name="x",
        once=Amount(device_h=once_h, kwh=once_kwh),
        each=Amount(device_h=each_h, kwh=each_kwh),
    )


def test_totals_are_once_and_each() -> None:
    assert line(10, 2, 3, 0.5).total(4) == Amount(device_h=18, kwh=5.0)
    assert Approach(name="x", once=Amount(device_h=1), each=Amount(device_h=2)).total(3) == Amount(
        device_h=7, kwh=None
    )


def test_a_run_in_hours_and_kwh() -> None:
    assert amount_of(7200, 3.6e6) == Amount(device_h=2.0, kwh=1.0)
    assert amount_of(1800, None) == Amount(device_h=0.5, kwh=None)


def test_co2_counts_the_building() -> None:
    grid = Grid(g_per_kwh=475, pue=1.2)

    assert grid.co2e_kg(Amount(device_h=1, kwh=2)) == pytest.approx(1.14)  # 2 * 1.2 * 475 / 1000
    assert grid.co2e_kg(Amount(device_h=1)) is None


@pytest.mark.parametrize(
    ("ours", "other", "crosses", "first"),
    [
        (line(10, 0), line(0, 4), 2.5, 3),
        (line(10, 1), line(0, 6), 2.0, 3),  # equal at 2, so cheaper from 3 on
        (line(10, 4), line(0, 4), None, None),
        (line(10, 5), line(0, 4), None, None),
        (line(1, 0), line(0, 4), 0.25, 1),
        (line(1, 0), line(2, 4), 0.0, 1),
    ],
)
def test_lines_cross(
    ours: Approach, other: Approach, crosses: float | None, first: int | None
) -> None:
    crossing = cost.crossing(ours, other)

    assert crossing == crosses
    assert cost.first_cheaper(crossing) == first


def test_energy_crosses_by_itself() -> None:
    ours, other = line(10, 0, once_kwh=9, each_kwh=1), line(0, 4, each_kwh=4)

    assert cost.crossing(ours, other) == 2.5
    assert cost.energy_crossing(ours, other) == 3.0
    unknown = Approach(name="y", once=cost.NOTHING, each=Amount(device_h=4))
    assert cost.energy_crossing(ours, unknown) is None


def test_published_figures_are_the_papers() -> None:
    totals = {
        approach.name: approach.total(cost.PUBLISHED_DEVICES).device_h
        for approach in (*cost.PUBLISHED_OTHERS, *cost.PUBLISHED_OURS)
    }

    # Table 1 rounds to 7.2k, 20k, 23k, 1,600k, and 1.2k, 2.2k, 4.2k GPU hours.
    assert [round(total, -2) for total in totals.values()] == [
        7_200, 20_000, 23_000, 1_600_000, 1_200, 2_200, 4_200,
    ]  # fmt: skip


def test_published_crossings_by_hand() -> None:
    mobilenet, proxyless, fbnet, mnasnet = cost.PUBLISHED_OTHERS
    plain, tuned_25, tuned_75 = cost.PUBLISHED_OURS

    assert cost.crossing(plain, mobilenet) == pytest.approx(1240 / 180)
    assert cost.crossing(tuned_25, mobilenet) == pytest.approx(8.0)
    assert cost.crossing(tuned_75, mobilenet) == pytest.approx(1240 / 105)
    assert cost.crossing(plain, proxyless) == pytest.approx(2.48)
    assert cost.crossing(plain, fbnet) == pytest.approx(1240 / 576)
    assert cost.crossing(plain, mnasnet) == pytest.approx(0.031)


def test_invalid_amounts_are_refused() -> None:
    for g, pue in ((0.0, 1.0), (475.0, 0.9), (float("nan"), 1.0), (475.0, float("inf"))):
        with pytest.raises(InputError, match="PUE of at least 1"):
            Grid(g_per_kwh=g, pue=pue)
    with pytest.raises(InputError, match="device hours"):
        Amount(device_h=-1.0)
    with pytest.raises(InputError, match="kWh"):
        Amount(device_h=1.0, kwh=float("nan"))
