"""A sweep spread over several measurement sessions, which share its replicates."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from bench.drift.session_gap import SESSION_GAP_S
from bench.errors import InputError
from bench.sweep.store_rows import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """In how many sessions the replicates of round `round` are measured, and how far apart.

    `every_s` is from the end of one session to the start of the next. Other rounds are measured at
    once, in the session in which they come up.
    """

    sessions: int
    every_s: float = SESSION_GAP_S
    round: int = 0

    def check(self, loads: int) -> None:
        """Raise `InputError` unless each session has a replicate, and is a session."""
        if not 1 <= self.sessions <= loads:
            raise InputError(
                f"a sweep of {loads} replicates cannot be spread over {self.sessions} sessions: "
                f"give --sessions of at most {loads}, or --replicates {self.sessions}"
            )
        if self.every_s < SESSION_GAP_S:
            raise InputError(
                f"sessions are at least {SESSION_GAP_S:g} s apart, got {self.every_s:g} s"
            )

    def words(self, session: int) -> str:
        """Name a session, counted from 0; '' where there is but one."""
        return f"session {session + 1} of {self.sessions}" if self.sessions > 1 else ""

    def session_of(self, group: Group, number: int, loads: int) -> int:
        """In which session, counted from 0, the `number`th of all `loads` replicates is."""
        return number * self.sessions // loads if group.round == self.round else 0

    def stretches(
        self, todo: Sequence[tuple[Group, int]], loads: int
    ) -> list[tuple[int, list[tuple[Group, int]]]]:
        """Loads in order, those of one round and session together, with the session's number."""

        def place(one: tuple[Group, int]) -> tuple[int, int]:
            return one[0].round, self.session_of(*one, loads)

        return [(session, list(found)) for (_, session), found in groupby(todo, key=place)]


AT_ONCE = Spread(sessions=1)
