"""How the members of a fleet ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.errors import InterruptedSweepError, OfabenchError
from ofabench.options.fleet import FleetMember

EXIT_FAILED_CHECK = 1
EXIT_FAILED = 2
EXIT_INTERRUPTED = 130
_NAME_COLUMNS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOutcome:
    """End of one member: its result as JSON values, or its error.

    Attributes:
        member: the device.
        path: the file or folder that keeps what it has measured; None for none.
        result: JSON values, None if it has an error.
        error: why it is incomplete, None if it is complete.
        check_failed: whether it is complete and does not meet a limit or a prediction.
    """

    member: FleetMember
    path: str | None = None
    result: Mapping[str, Any] | None = None
    error: OfabenchError | None = None
    check_failed: bool = False

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
        """Exit code of this member: 0, 1 for a failed check, 2 if it failed, 130 if stopped."""
        if self.error is None:
            return EXIT_FAILED_CHECK if self.check_failed else 0
        return EXIT_INTERRUPTED if self.interrupted else EXIT_FAILED

    @property
    def words(self) -> str:
        """Error in one line; empty without an error."""
        return "" if self.error is None else " ".join(str(self.error).split())


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
            if member.result is None:
                words = f"{'stopped' if member.interrupted else 'FAILED'}: {member.words}"
            else:
                words = self._words(member, member.result)
            yield f"{member.name:<{_NAME_COLUMNS}} {words}"
        if self.incomplete:
            count = f"{len(self.incomplete)} of {len(self.members)}"
            names = ", ".join(self.incomplete)
            yield f"incomplete: {count} ({names}); the same command continues them"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        done = len(self.members) - len(self.incomplete)
        return f"{type(self).__name__}({done} of {len(self.members)} complete)"
