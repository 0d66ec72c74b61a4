"""A sweep spread over several measurement sessions, which share its replicates."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from bench.drift.session_gap import SESSION_GAP_S
from bench.errors import InputError
from bench.sweep.store_rows import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The number of sessions for the replicates of request `round`, and the time between them.

    `every_s` is from the end of one session to the start of the next. Other requests are measured
    at once, in the session in which they are made.
    """

    sessions: int
    every_s: float = SESSION_GAP_S
    round: int = 0

    def check(self, replicates: int) -> None:
        """Raise `InputError` unless each session has a replicate, far enough from the others."""
        if not 1 <= self.sessions <= replicates:
            raise InputError(
                f"a sweep of {replicates} replicates cannot be spread over {self.sessions} "
                f"sessions: give --sessions of at most {replicates}, "
                f"or --replicates {self.sessions}"
            )
        if self.every_s < SESSION_GAP_S:
            raise InputError(
                f"sessions are at least {SESSION_GAP_S:g} s apart, got {self.every_s:g} s"
            )

    def words(self, session: int) -> str:
        """Return the name of a session, counted from 0; "" if there is only one."""
        return f"session {session + 1} of {self.sessions}" if self.sessions > 1 else ""

    def session_of(self, group: Group, number: int, replicates: int) -> int:
        """Return the session, counted from 0, of the `number`th of all `replicates`."""
        return number * self.sessions // replicates if group.round == self.round else 0

    def stretches(
        self, todo: Sequence[tuple[Group, int]], replicates: int
    ) -> list[tuple[int, list[tuple[Group, int]]]]:
        """Return replicates in order, grouped by request and session, with the session's number."""

        def place(replicate: tuple[Group, int]) -> tuple[int, int]:
            return replicate[0].round, self.session_of(*replicate, replicates)

        return [(session, list(members)) for (_, session), members in groupby(todo, key=place)]


AT_ONCE = Spread(sessions=1)
