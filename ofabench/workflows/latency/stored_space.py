"""Space stored in a file, or requested for files without one.

Sweeps, tables and predictors store the name of their space and, for a space that is not shipped,
its TOML. A requested space must agree with the stored one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError

if TYPE_CHECKING:
    from supernet.space.space import SearchSpace

ONEHOT = "onehot"  # not a space: columns of whole numbers are categories
_NAME, _TOML = "space", "space_toml"  # keys of a file's provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSpace:
    """Space stored in a file.

    `name` is None if it stores none; `space` is None if it has the name only, as older files do.
    `description` is the file, in words for messages.
    """

    name: str | None
    space: "SearchSpace | None"
    description: str

    def agreed(self, requested: "str | Path | SearchSpace | None") -> "SearchSpace | None":
        """Return the stored or the requested space; None if there is neither.

        Raises:
            InputError: the two differ, or the requested one is no space.
        """
        if requested is None:
            return self.space
        if requested == ONEHOT and self.name is not None:
            raise InputError(
                f"{self.description} is of the space {self.name!r}, --space is {ONEHOT}: "
                "leave --space out"
            )
        if not isinstance(requested, str | Path):
            self.check(requested)
            return requested
        space = load_space(requested)
        self.check(space, f"--space {requested}")
        return space

    def check(self, space: "SearchSpace", requested: str = "the requested space") -> None:
        """Raise `InputError` if the file has another space; `requested` names it in words."""
        if self.name is not None and space.name != self.name:
            raise InputError(
                f"{self.description} is of the space {self.name!r}, {requested} is {space.name!r}: "
                + ("give the file of that space" if self.space is None else "leave --space out")
            )
        if self.space is not None and space != self.space:
            raise InputError(
                f"{self.description} is of a space {self.name!r} with other choices than those of "
                f"{requested}: rename one of them"
            )

    def needed(self, requested: "str | Path | SearchSpace | None" = None) -> "SearchSpace":
        """Return `agreed`; `InputError` if there is neither a stored nor a requested space."""
        space = self.agreed(requested)
        if space is None:
            raise InputError(f"{self.lacking}: give it with --space")
        return space

    @property
    def lacking(self) -> str:
        """Reason why the space is unknown, in words for messages."""
        if self.name is None:
            return f"{self.description} does not name its space"
        return f"{self.description} is older and has only the name of its space, {self.name!r}"


def load_space(name_or_path: str | Path) -> "SearchSpace":
    """Return a shipped space by name, or that of a TOML file; `InputError` for other names."""
    from supernet.space.space import SearchSpace, space_names

    name = str(name_or_path)
    if name == ONEHOT:
        raise InputError("onehot has no blocks: only fit, evaluate and predict accept it")
    return _shipped(name) if name in space_names() else SearchSpace.load(name_or_path)


def space_provenance(space: "SearchSpace") -> dict[str, Any]:
    """Return the provenance of a space: its name, and its TOML if it is not shipped."""
    from supernet.space.space import space_names

    if space.name in space_names():
        return {_NAME: space.name}
    return {_NAME: space.name, _TOML: space.text}


def without_toml(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return a provenance without the TOML, for a file that stores the TOML elsewhere."""
    return {key: value for key, value in provenance.items() if key != _TOML}


def stored_space(provenance: Mapping[str, Any], description: str) -> StoredSpace:
    """Return the space stored in a file.

    Args:
        provenance: the file's provenance.
        description: the file in words, as "the sweep" or "latency.parquet".

    Raises:
        InputError: the stored TOML is damaged.
    """
    from supernet.space.space import SearchSpace, space_names

    name, text = provenance.get(_NAME), provenance.get(_TOML)
    if name in space_names():
        return StoredSpace(name=name, space=_shipped(name), description=description)
    if text is None:  # older predictors have it in their networks' provenance
        networks = provenance.get("networks")
        text = networks.get(_TOML) if isinstance(networks, Mapping) else None
    if isinstance(text, str):
        space = SearchSpace.from_toml(text, f"the space in {description}")
        return StoredSpace(name=space.name, space=space, description=description)
    return StoredSpace(
        name=name if isinstance(name, str) else None, space=None, description=description
    )


@lru_cache(maxsize=8)
def _shipped(name: str) -> "SearchSpace":
    from supernet.space.space import SearchSpace

    return SearchSpace.load(name)
