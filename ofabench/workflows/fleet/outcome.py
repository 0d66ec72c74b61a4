"""How the members of a fleet ended."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import InterruptedSweepError, OfabenchError
from bench.notebook.html_table import rows_html
from ofabench.options.fleet import FleetMember
from ofabench.workflows.fleet.members import MemberEnd

EXIT_FAILED_CHECK = 1
EXIT_FAILED = 2
EXIT_INTERRUPTED = 130
NAME_COLUMNS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOutcome:
    """End of one member: its result as JSON values, or its error.

    Attributes:
        member: the device.
        path: the file or folder that keeps what it has measured; None for none.
        result: JSON values, None if it has an error.
        error: why it is incomplete, None if it is complete.
        verdict: exit code of its result: 0, or 1 where a limit or a prediction is not met, 2 where
            a part could not be measured.
    """

    member: FleetMember
    path: str | None = None
    result: Mapping[str, Any] | None = None
    error: OfabenchError | None = None
    verdict: int = 0

    @property
    def name(self) -> str:
        """The member's name."""
        return self.member.name

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped."""
        return isinstance(self.error, InterruptedSweepError)

    @property
    def code(self) -> int:
        """Exit code of this member: its verdict, 2 if it failed, 130 if it was stopped."""
        if self.error is None:
            return self.verdict
        return EXIT_INTERRUPTED if self.interrupted else EXIT_FAILED

    @property
    def words(self) -> str:
        """Error in one line; empty without an error."""
        return "" if self.error is None else " ".join(str(self.error).split())


def outcomes_of(
    fleet: Iterable[FleetMember],
    ends: Iterable[MemberEnd],
    paths: Mapping[str, Path | None],
    verdict_of: Callable[[Mapping[str, Any]], int] = lambda result: 0,
) -> tuple[MemberOutcome, ...]:
    """Return how each member ended; `paths` by name, `verdict_of` for results."""
    return tuple(
        MemberOutcome(
            member=member,
            path=None if (path := paths[member.name]) is None else str(path),
            result=end.result,
            error=end.error,
            verdict=0 if end.result is None else verdict_of(end.result),
        )
        for member, end in zip(fleet, ends, strict=True)
    )


def error_words(member: MemberOutcome) -> str:
    """Return how an incomplete member ended, in one line."""
    return f"{'stopped' if member.interrupted else 'FAILED'}: {member.words}"


@dataclass(frozen=True, slots=True, repr=False)
class FleetResult:
    """How each member of a fleet ended, in the order of the fleet.

    Attributes:
        members: their results and errors.
    """

    members: tuple[MemberOutcome, ...]

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Names of the members that failed or were stopped; the same command continues them."""
        return tuple(member.name for member in self.members if member.error is not None)

    @property
    def code(self) -> int:
        """Exit code of all: the largest of the members'; see `MemberOutcome.code`."""
        return max(member.code for member in self.members)

    def to_dict(self) -> dict[str, Any]:
        """Return how each ended, as values for JSON."""
        return {
            "members": [
                {
                    "name": member.name,
                    "address": member.member.address,
                    "code": member.code,
                    "words": member.words,
                    **self._values(member),
                }
                for member in self.members
            ],
            "incomplete": list(self.incomplete),
        }

    def _values(self, member: MemberOutcome) -> dict[str, Any]:
        """Return the JSON values of a member besides its name and its error."""
        return {"path": member.path, "result": member.result}

    def _words(self, member: MemberOutcome, result: Mapping[str, Any]) -> str:
        """Return the line of a complete member."""
        del result
        return str(member.path)

    def lines(self) -> Iterator[str]:
        """Describe each member in a line, then name those that are incomplete."""
        for member in self.members:
            yield f"{member.name:<{NAME_COLUMNS}} {self._line(member)}"
        yield from self.incomplete_lines()

    def _line(self, member: MemberOutcome) -> str:
        return error_words(member) if member.result is None else self._words(member, member.result)

    def incomplete_lines(self) -> Iterator[str]:
        """Name the members that are incomplete, in one line or none."""
        if self.incomplete:
            count = f"{len(self.incomplete)} of {len(self.members)}"
            names = ", ".join(self.incomplete)
            yield f"incomplete: {count} ({names}); the same command continues them"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        rows = [(member.name, member.member.address, self._line(member)) for member in self.members]
        heads = ("device", "address", "result")
        return rows_html(heads, rows, left={0, 1, 2}, below=self.incomplete_lines())

    def __repr__(self) -> str:
        done = len(self.members) - len(self.incomplete)
        return f"{type(self).__name__}({done} of {len(self.members)} complete)"
