"""The space of a file: as the file says, or as given for files that do not say.

Sweeps, tables and predictors keep the name of their space and, where ofabench does not ship it,
its TOML. What is given must agree with what a file says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError

if TYPE_CHECKING:
    from supernet.space.space import SearchSpace

ONEHOT = "onehot"  # no space by itself: columns of whole numbers are categories
_NAME, _TOML = "space", "space_toml"  # keys of a file's provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSpace:
    """What a file says of its space.

    `name` is None where it says nothing; `space` is None where it does not hold the space that it
    names, as files of an older ofabench do. `what` is the file, in words for messages.
    """

    name: str | None
    space: "SearchSpace | None"
    what: str

    def agreed(self, given: "str | Path | SearchSpace | None") -> "SearchSpace | None":
        """Return the space that the file says or that is given; None where neither is.

        Raises:
            InputError: both are there and differ, or what is given is no space.
        """
        if given is None:
            return self.space
        if given == ONEHOT and self.name is not None:
            raise InputError(
                f"{self.what} is of the space {self.name!r}, --space is {ONEHOT}: leave --space out"
            )
        if not isinstance(given, str | Path):
            self.check(given)
            return given
        space = load_space(given)
        self.check(space, f"--space {given}")
        return space

    def check(self, space: "SearchSpace", given: str = "the space asked for") -> None:
        """Raise `InputError` where the file says another space; `given` is it in words."""
        if self.name is not None and space.name != self.name:
            raise InputError(
                f"{self.what} is of the space {self.name!r}, {given} is {space.name!r}: "
                + ("give the file of that space" if self.space is None else "leave --space out")
            )
        if self.space is not None and space != self.space:
            raise InputError(
                f"{self.what} is of a space {self.name!r} with other choices than those of "
                f"{given}: rename one of them"
            )

    def needed(self, given: "str | Path | SearchSpace | None" = None) -> "SearchSpace":
        """Return `agreed`, where one of the two must be there; `InputError` says what to give."""
        space = self.agreed(given)
        if space is None:
            raise InputError(f"{self.lacking}: give it with --space")
        return space

    @property
    def lacking(self) -> str:
        """Why the space is not known, in words for messages."""
        if self.name is None:
            return f"{self.what} does not name its space"
        return f"{self.what} is older and names its space {self.name!r} without holding it"


def load_space(name_or_path: str | Path) -> "SearchSpace":
    """Return a shipped space by its name, or that of a TOML file; `InputError` for other names."""
    from supernet.space.space import SearchSpace, space_names

    name = str(name_or_path)
    if name == ONEHOT:
        raise InputError("onehot knows no blocks: only fit, evaluate and predict take it")
    return _shipped(name) if name in space_names() else SearchSpace.load(name_or_path)


def space_provenance(space: "SearchSpace") -> dict[str, Any]:
    """Return what a file keeps of its space: its name, and its TOML where it is not shipped."""
    from supernet.space.space import space_names

    if space.name in space_names():
        return {_NAME: space.name}
    return {_NAME: space.name, _TOML: space.text}


def without_toml(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return a provenance for another file's, which keeps the TOML itself."""
    return {key: value for key, value in provenance.items() if key != _TOML}


def stored_space(provenance: Mapping[str, Any], what: str) -> StoredSpace:
    """Return what a file says of its space.

    Args:
        provenance: the file's.
        what: the file in words, as "the sweep" or "latency.parquet".

    Raises:
        InputError: the TOML that it keeps is damaged.
    """
    from supernet.space.space import SearchSpace, space_names

    name, text = provenance.get(_NAME), provenance.get(_TOML)
    if name in space_names():
        return StoredSpace(name=name, space=_shipped(name), what=what)
    if text is None:  # predictors of an older ofabench have it from their networks alone
        networks = provenance.get("networks")
        text = networks.get(_TOML) if isinstance(networks, Mapping) else None
    if isinstance(text, str):
        space = SearchSpace.from_toml(text, f"the space in {what}")
        return StoredSpace(name=space.name, space=space, what=what)
    return StoredSpace(name=name if isinstance(name, str) else None, space=None, what=what)


@lru_cache(maxsize=8)
def _shipped(name: str) -> "SearchSpace":
    from supernet.space.space import SearchSpace

    return SearchSpace.load(name)
