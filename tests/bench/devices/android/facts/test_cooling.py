"""A phone that slows itself down is seen, and waited for, by a clock of the test's own."""

from collections.abc import Iterator

import pytest

from bench.devices.android.facts.cooling import CoolDown, ThrottlingDetector, ThrottlingSigns
from bench.devices.android.facts.device_state import PhoneState

BIG = (4, 5)


def signs(big_khz: int = 2_314_000, **other: object) -> ThrottlingSigns:
    clocks = {0: 455_000, 4: big_khz, 5: big_khz}
    return ThrottlingSigns(frequencies_khz=clocks, **other)  # type: ignore[arg-type]


def test_a_phone_at_its_highest_clock_is_not_throttled() -> None:
    watch = ThrottlingDetector(BIG, 36.0)

    assert watch.throttled(signs()) == ""
    assert watch.throttled(signs(2_210_000)) == ""  # 4.5 % less: one step
    assert watch.throttled(ThrottlingSigns()) == ""  # says nothing


def test_a_clock_that_fell_tells_and_so_does_the_next_load() -> None:
    watch = ThrottlingDetector(BIG, 36.0)
    watch.throttled(signs())
    watch.begin_replicate()

    assert watch.throttled(signs(1_469_000)) == "the clock is 1.47 GHz, it was 2.31 GHz"
    assert watch.throttled(signs()) == ""


def test_other_cores_clocks_do_not_count() -> None:
    watch = ThrottlingDetector((0,), 36.0)

    assert watch.throttled(signs()) == ""
    assert watch.throttled(signs(700_000)) == ""


def test_unpinned_all_cores_count() -> None:
    watch = ThrottlingDetector((), 36.0)
    watch.throttled(signs())

    assert watch.throttled(signs(1_469_000)) != ""


def test_a_lowered_limit_tells() -> None:
    watch = ThrottlingDetector(BIG, 36.0)
    watch.throttled(signs(limits_khz={0: 1_690_000, 4: 2_314_000}))

    assert watch.throttled(signs(limits_khz={0: 1_000_000, 4: 2_314_000})) == ""
    result = watch.throttled(signs(limits_khz={0: 1_000_000, 4: 1_800_000}))
    assert result == "core 4 is held to 1.80 GHz"


@pytest.mark.parametrize(
    ("status", "text"),
    [(0, ""), (1, ""), (2, "Android's thermal status is moderate"), (None, "")],
)
def test_androids_own_verdict_tells_from_moderate_on(status: int | None, text: str) -> None:
    assert ThrottlingDetector(BIG, 36.0).throttled(signs(thermal_status=status)) == text


def test_a_slow_reference_tells_where_it_is_hot() -> None:
    watch = ThrottlingDetector(BIG, 36.0)
    watch.throttled(signs(reference_ns=1e6, temperature_c=38.0))

    assert watch.throttled(signs(reference_ns=1.2e6, temperature_c=38.0)) == ""
    assert watch.throttled(signs(reference_ns=1.09e6, temperature_c=50.0)) == ""
    result = watch.throttled(signs(reference_ns=1.2e6, temperature_c=50.0))
    assert result == "the compute reference takes 20% longer"


def test_a_slow_reference_tells_where_nothing_else_is_told() -> None:
    watch = ThrottlingDetector(BIG, None)
    watch.throttled(ThrottlingSigns(reference_ns=1e6))

    assert watch.throttled(ThrottlingSigns(reference_ns=1.2e6)) != ""
    assert watch.throttled(signs(reference_ns=1.2e6)) == ""  # the clock has not fallen


def test_a_load_has_a_reference_of_its_own() -> None:
    watch = ThrottlingDetector(BIG, 36.0)
    watch.throttled(signs(reference_ns=1e6, temperature_c=50.0))
    watch.begin_replicate()

    assert watch.throttled(signs(reference_ns=1.2e6, temperature_c=50.0)) == ""


def test_all_reasons_are_given() -> None:
    watch = ThrottlingDetector(BIG, 36.0)
    watch.throttled(signs(reference_ns=1e6, temperature_c=40.0))

    result = watch.throttled(
        signs(1_000_000, thermal_status=3, reference_ns=2e6, temperature_c=60.0)
    )

    assert result == (
        "the clock is 1.00 GHz, it was 2.31 GHz, Android's thermal status is severe, "
        "the compute reference takes 100% longer"
    )


class Kitchen:
    """A phone that cools by a degree every 4 s, and a clock that only sleeping moves."""

    def __init__(self, hot_c: float | None, cool_c: float = 30.0) -> None:
        self.now_s = 100.0
        self.words: list[str] = []
        self._hot_c, self._cool_c = hot_c, cool_c

    def cool_down(self, start_c: float | None, wait_s: float, total_s: float) -> CoolDown:
        return CoolDown(
            start_c,
            wait_s=wait_s,
            total_s=total_s,
            notify=self.words.append,
            clock_s=lambda: self.now_s,
            sleep=self._sleep,
        )

    def look(self) -> PhoneState:
        if self._hot_c is None:
            return PhoneState()
        now_c = max(self._hot_c - (self.now_s - 100.0) / 4, self._cool_c)
        return PhoneState(temperatures_c={"cpu": now_c})

    def _sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 5.0
        self.now_s += seconds


def test_it_waits_until_it_is_as_cool_as_at_the_start() -> None:
    kitchen = Kitchen(45.0)

    waited_s = kitchen.cool_down(38.0, 120, 600).wait("the clock fell", kitchen.look)

    assert waited_s == 25.0  # at 24 s it is 39 C, within a degree; it looks every 5 s
    assert kitchen.words == [
        "cooling down for at most 120 s (the clock fell; 45.0 C, it was 38.0 C at the start)"
    ]


def test_a_cool_phone_is_not_waited_for() -> None:
    kitchen = Kitchen(38.9)

    assert kitchen.cool_down(38.0, 120, 600).wait("", kitchen.look) == 0.0
    assert kitchen.words == []


def test_a_wait_has_a_limit_and_so_have_all_together() -> None:
    kitchen = Kitchen(90.0, cool_c=60.0)
    cool_down = kitchen.cool_down(30.0, 40, 90)

    waits_s = [cool_down.wait("hot", kitchen.look) for _ in range(4)]

    assert waits_s == [40.0, 40.0, 10.0, 0.0]
    assert kitchen.words[-1] == (
        "no time is left to cool down: throttled rounds are counted as disturbed"
    )
    assert cool_down.wait("hot", kitchen.look) == 0.0
    assert len(kitchen.words) == 4


@pytest.mark.parametrize(("hot_c", "start_c"), [(None, 30.0), (50.0, None)])
def test_a_phone_that_tells_no_temperature_is_waited_for_a_while(
    hot_c: float | None, start_c: float | None
) -> None:
    kitchen = Kitchen(hot_c)

    assert kitchen.cool_down(start_c, 120, 600).wait("slow", kitchen.look) == 30.0
    assert kitchen.words == ["cooling down for at most 120 s (slow; no temperature is known)"]


def test_looking_takes_time_too() -> None:
    """A phone that answers slowly does not make the wait longer than its limit by much."""
    kitchen = Kitchen(90.0, cool_c=60.0)
    looks: Iterator[int] = iter(range(100))

    def look() -> PhoneState:
        next(looks)
        kitchen.now_s += 8.0
        return kitchen.look()

    assert kitchen.cool_down(30.0, 40, 600).wait("hot", look) == 47.0
