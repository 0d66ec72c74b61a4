"""One progress for several sweeps: totals, notes, waits and rounds."""

from bench.protocol.progress import NoProgress, RoundProgress
from bench.sweep.shared_progress import SharedProgress


class Calls(NoProgress):
    """Records every call."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def start(self, total: int, what: str) -> None:
        self.calls.append((total, what))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.calls.append((steps, note))

    def close(self) -> None:
        self.calls.append("close")


class Rounds(Calls):
    """A progress that is shown rounds too."""

    def show_round(self, state: RoundProgress) -> None:
        self.calls.append(state)


def test_others_are_expected_to_have_as_many_rounds() -> None:
    shown = Calls()
    shared = SharedProgress(shown, ["a", "b", "c"])
    a, b, c = (shared.part(name) for name in "abc")

    a.start(4, "measuring")
    a.advance(note="replicate 1")
    b.start(4, "measuring")
    b.advance(2)
    c.start(6, "measuring")  # more are left than expected: 3 + 2 + 6

    assert shown.calls == [
        (12, "measuring"), (1, "a, replicate 1"), (2, "b"), (11, "measuring"),
    ]  # fmt: skip


def test_fewer_rounds_than_expected_are_shown_as_well() -> None:
    shown = Calls()
    shared = SharedProgress(shown, ["a", "b"])

    shared.part("a").start(4, "measuring")
    shared.part("b").start(3, "measuring")

    assert shown.calls == [(8, "measuring"), (7, "measuring")]


def test_a_complete_sweep_is_expected_to_begin_no_other_stage() -> None:
    shown = Calls()
    shared = SharedProgress(shown, ["a", "b"])
    a, b = shared.part("a"), shared.part("b")
    a.start(1, "measuring")
    for part in (a, b):
        part.advance()

    b.close()
    a.start(2, "measuring")

    assert shown.calls == [(2, "measuring"), (1, "a"), (1, "b"), (2, "measuring")]


def test_after_a_wait_the_stage_is_shown_again_once() -> None:
    shown = Calls()
    shared = SharedProgress(shown, ["a", "b"])
    a, b = shared.part("a"), shared.part("b")
    a.start(4, "session 1")
    wait = shared.waiting()

    wait.start(300, "waiting")
    wait.advance()
    wait.advance(2, "soon")
    wait.close()
    b.start(4, "session 1")
    a.start(4, "session 1")

    assert shown.calls == [
        (8, "session 1"), (300, "waiting"), (1, ""), (2, "soon"), "close", (8, "session 1"),
    ]  # fmt: skip


def test_rounds_are_passed_on_where_they_are_shown() -> None:
    state = RoundProgress(
        replicate=1, replicates=2, drift=1.0, disturbed_rounds=0, repeated_bursts=0
    )
    rounds, plain = Rounds(), Calls()

    for shown in (rounds, plain):
        SharedProgress(shown, ["a"]).part("a").show_round(state)

    assert (rounds.calls, plain.calls) == ([state], [])
