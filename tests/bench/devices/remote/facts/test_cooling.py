"""Detection of throttling, and waits for the phone to cool down, with a simulated clock."""

from collections.abc import Iterator

import pytest

from bench.devices.android.facts.device_state import PhoneState
from bench.devices.remote.facts.cooling import CoolDown, ThrottlingDetector, ThrottlingSigns

BIG = (4, 5)


def signs(big_khz: int = 2_314_000, **other: object) -> ThrottlingSigns:
    clocks = {0: 455_000, 4: big_khz, 5: big_khz}
    return ThrottlingSigns(frequencies_khz=clocks, **other)  # type: ignore[arg-type]


def test_a_phone_at_its_highest_clock_is_not_throttled() -> None:
    detector = ThrottlingDetector(BIG, 36.0)

    assert detector.throttled(signs()) == ""
    assert detector.throttled(signs(2_210_000)) == ""  # 4.5 % less: one step
    assert detector.throttled(ThrottlingSigns()) == ""  # no readings


def test_a_fallen_clock_is_detected_also_in_the_next_replicate() -> None:
    detector = ThrottlingDetector(BIG, 36.0)
    detector.throttled(signs())
    detector.begin_replicate()

    assert detector.throttled(signs(1_469_000)) == "the clock is 1.47 GHz, it was 2.31 GHz"
    assert detector.throttled(signs()) == ""


def test_clocks_of_other_cores_are_ignored() -> None:
    detector = ThrottlingDetector((0,), 36.0)

    assert detector.throttled(signs()) == ""
    assert detector.throttled(signs(700_000)) == ""


def test_without_pinning_all_cores_are_checked() -> None:
    detector = ThrottlingDetector((), 36.0)
    detector.throttled(signs())

    assert detector.throttled(signs(1_469_000)) != ""


def test_a_lowered_frequency_limit_is_detected() -> None:
    detector = ThrottlingDetector(BIG, 36.0)
    detector.throttled(signs(limits_khz={0: 1_690_000, 4: 2_314_000}))

    assert detector.throttled(signs(limits_khz={0: 1_000_000, 4: 2_314_000})) == ""
    result = detector.throttled(signs(limits_khz={0: 1_000_000, 4: 1_800_000}))
    assert result == "core 4 is held to 1.80 GHz"


def test_what_the_system_reports_is_throttling() -> None:
    assert ThrottlingDetector(BIG, 36.0).throttled(signs(reported="it says so")) == "it says so"


def test_a_slow_reference_is_throttling_on_a_hot_phone() -> None:
    detector = ThrottlingDetector(BIG, 36.0)
    detector.throttled(signs(reference_ns=1e6, temperature_c=38.0))

    assert detector.throttled(signs(reference_ns=1.2e6, temperature_c=38.0)) == ""
    assert detector.throttled(signs(reference_ns=1.09e6, temperature_c=50.0)) == ""
    result = detector.throttled(signs(reference_ns=1.2e6, temperature_c=50.0))
    assert result == "the compute reference takes 20% longer"


def test_a_slow_reference_is_throttling_where_nothing_else_is_known() -> None:
    detector = ThrottlingDetector(BIG, None)
    detector.throttled(ThrottlingSigns(reference_ns=1e6))

    assert detector.throttled(ThrottlingSigns(reference_ns=1.2e6)) != ""
    assert detector.throttled(signs(reference_ns=1.2e6)) == ""  # the clock has not fallen


def test_a_virtual_machine_is_not_throttled_because_its_neighbours_slow_it() -> None:
    detector = ThrottlingDetector(BIG, None, blind=False)
    detector.throttled(ThrottlingSigns(reference_ns=1e6))

    assert detector.throttled(ThrottlingSigns(reference_ns=1.2e6)) == ""


def test_the_reference_is_compared_within_a_replicate() -> None:
    detector = ThrottlingDetector(BIG, 36.0)
    detector.throttled(signs(reference_ns=1e6, temperature_c=50.0))
    detector.begin_replicate()

    assert detector.throttled(signs(reference_ns=1.2e6, temperature_c=50.0)) == ""


def test_all_reasons_are_given() -> None:
    detector = ThrottlingDetector(BIG, 36.0)
    detector.throttled(signs(reference_ns=1e6, temperature_c=40.0))

    result = detector.throttled(
        signs(
            1_000_000,
            reported="it says so",
            reference_ns=2e6,
            temperature_c=60.0,
        )
    )

    assert result == (
        "the clock is 1.00 GHz, it was 2.31 GHz, it says so, "
        "the compute reference takes 100% longer"
    )


class CoolingPhone:
    """A phone that cools by a degree every 4 s; its clock advances only by `sleep`."""

    def __init__(self, hot_c: float | None, cool_c: float = 30.0) -> None:
        self.now_s = 100.0
        self.messages: list[str] = []
        self._hot_c, self._cool_c = hot_c, cool_c

    def cool_down(self, start_c: float | None, wait_s: float, total_s: float) -> CoolDown:
        return CoolDown(
            start_c,
            wait_s=wait_s,
            total_s=total_s,
            notify=self.messages.append,
            clock_s=lambda: self.now_s,
            sleep=self._sleep,
        )

    def read(self) -> PhoneState:
        if self._hot_c is None:
            return PhoneState()
        now_c = max(self._hot_c - (self.now_s - 100.0) / 4, self._cool_c)
        return PhoneState(temperatures_c={"cpu": now_c})

    def _sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 5.0
        self.now_s += seconds


def test_the_wait_ends_at_the_starting_temperature() -> None:
    phone = CoolingPhone(45.0)

    waited_s = phone.cool_down(38.0, 120, 600).wait("the clock fell", phone.read)

    assert waited_s == 25.0  # at 24 s it is 39 C, within a degree; it is read every 5 s
    assert phone.messages == [
        "cooling down for at most 120 s (the clock fell; 45.0 C, it was 38.0 C at the start)"
    ]


def test_there_is_no_wait_for_a_cool_phone() -> None:
    phone = CoolingPhone(38.9)

    assert phone.cool_down(38.0, 120, 600).wait("", phone.read) == 0.0
    assert phone.messages == []


def test_each_wait_and_their_sum_are_limited() -> None:
    phone = CoolingPhone(90.0, cool_c=60.0)
    cool_down = phone.cool_down(30.0, 40, 90)

    waits_s = [cool_down.wait("hot", phone.read) for _ in range(4)]

    assert waits_s == [40.0, 40.0, 10.0, 0.0]
    assert phone.messages[-1] == (
        "no time is left to cool down: throttled rounds are counted as disturbed"
    )
    assert cool_down.wait("hot", phone.read) == 0.0
    assert len(phone.messages) == 4


@pytest.mark.parametrize(("hot_c", "start_c"), [(None, 30.0), (50.0, None)])
def test_without_a_temperature_the_wait_is_short(
    hot_c: float | None, start_c: float | None
) -> None:
    phone = CoolingPhone(hot_c)

    assert phone.cool_down(start_c, 120, 600).wait("slow", phone.read) == 30.0
    assert phone.messages == ["cooling down for at most 120 s (slow; no temperature is known)"]


def test_slow_readings_count_as_waiting() -> None:
    """Readings of 8 s each lengthen the wait by less than one reading."""
    phone = CoolingPhone(90.0, cool_c=60.0)
    readings: Iterator[int] = iter(range(100))

    def read_slowly() -> PhoneState:
        next(readings)
        phone.now_s += 8.0
        return phone.read()

    assert phone.cool_down(30.0, 40, 600).wait("hot", read_slowly) == 47.0
