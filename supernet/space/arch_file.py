"""Read files of architectures, of ofabench (`SearchSpace.to_line`) and of the package `ofa`.

A file holds lines, one JSON value, or a list of values; a line may be a Python dictionary as
`print` writes it. A network may be nested under `config`, `arch` etc., be in a list with its
figures, be JSON inside a string, or be a key, as in the files of OFA's accuracy data. It may omit
its space, where the user names it or only one space has such a network.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bench.errors import InputError
from bench.files import parse_json
from supernet.space.arch import ArchConfig
from supernet.space.ofa_arch import SIZES, arch_of_ofa, is_ofa_arch
from supernet.space.space import SearchSpace, space_names

WRAPPERS = (
    "config", "arch", "net_config", "arch_config", "subnet", "subnet_config", "net_setting",
    "architecture", "child_arch",
)  # fmt: skip
_DEEPEST = 4  # nested wrappers
_LONGEST_LITERAL = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenNetwork:
    """Network as in a file: its location `where`, its `space` if given, and its `fields`."""

    where: str
    space: str | None
    fields: Mapping[str, Any]

    @property
    def is_complete(self) -> bool:
        """Whether it names its space and has the fields of ofabench, so that it needs no space."""
        return self.space is not None and not is_ofa_arch(self.fields)

    def arch_in(self, space: SearchSpace, resolution: int | None = None) -> ArchConfig:
        """Return the network of `space`; `InputError` names `where` and the wrong field."""
        try:
            if is_ofa_arch(self.fields):
                return arch_of_ofa(self.fields, space, resolution)
            return space.canonical(ArchConfig.from_json(dict(self.fields)))
        except InputError as error:
            raise InputError(f"{self.where}: {error}") from error


def parse_networks(text: str, where: str) -> list[WrittenNetwork]:
    """Return the networks of a file's text; `InputError` names `where` and the problem."""
    values = list(parse_values(text, where))
    if len(values) == 1 and values[0][1] == where and "\n" not in text.strip():
        values = [(values[0][0], f"{where}, line 1")]
    return [written_network(value, location) for value, location in values]


def parse_values(text: str, where: str) -> Iterator[tuple[Any, str]]:
    """Yield the values of a file's text with their locations."""
    text = text.removeprefix("\ufeff")
    try:
        yield from _values(_parse(text), where)
        return
    except ValueError:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    for number, line in lines:
        location = f"{where}, line {number}"
        try:
            value = _parse(line)
        except ValueError as error:
            raise InputError(f"{location}: not a line of an archs file: {error}") from error
        for element, _ in _values(value, location):
            yield element, location


def holds_network(value: Any) -> bool:
    """Return whether a value is a network, nested or not."""
    return _unwrapped(value) is not None


def written_network(value: Any, where: str) -> WrittenNetwork:
    """Return the network that a value holds; `InputError` where it holds none."""
    fields = _unwrapped(value)
    if fields is None:
        raise InputError(
            f"{where}: a line of an archs file is a JSON object with resolution, depths, kernels "
            "and expands, or with ks, e, d and r as OFA prints them; write each network so"
        )
    space = fields.pop("space", None)
    if space is not None and not isinstance(space, str):
        raise InputError(f"{where}: space is {space!r:.40}, expected the name of a space")
    return WrittenNetwork(where=where, space=space, fields=fields)


def _unwrapped(value: Any) -> dict[str, Any] | None:
    """Return the fields of the network inside a value, with space and size of its wrappers."""
    outer: dict[str, Any] = {}
    for _ in range(_DEEPEST):
        if isinstance(value, str):
            value = _parse_object(value)
        elif isinstance(value, list | tuple):
            objects = [element for element in value if isinstance(element, dict)]
            value = objects[0] if len(objects) == 1 else None
        if not isinstance(value, dict):
            return None
        wrapper = next((name for name in WRAPPERS if name in value), None)
        ours = "depths" in value or (wrapper is None and "space" in value)
        if ours or is_ofa_arch(value):
            fields = {str(name): field for name, field in value.items()}
            if any(name in fields for name in SIZES):
                outer = {name: field for name, field in outer.items() if name == "space"}
            return {**outer, **fields}
        if wrapper is None:
            return None
        outer |= {name: value[name] for name in ("space", *SIZES) if name in value}
        value = value[wrapper]
    return None


def spaces_of(
    network: WrittenNetwork, spaces: Sequence[SearchSpace], resolution: int | None = None
) -> list[tuple[SearchSpace, ArchConfig]]:
    """Return the network in the space that it names, else in all spaces that have it.

    Raises `InputError` where there is none; with a single space in `spaces`, it says why.
    """
    if network.space is not None:
        known = {space.name: space for space in spaces}
        if network.space not in known:
            raise InputError(
                f"{network.where}: space is {network.space!r}, expected one of {', '.join(known)}"
            )
        space = known[network.space]
        return [(space, network.arch_in(space, resolution))]
    if len(spaces) == 1:
        return [(spaces[0], network.arch_in(spaces[0], resolution))]
    matches = []
    for space in spaces:
        try:
            matches.append((space, network.arch_in(space, resolution)))
        except InputError:
            continue
    if not matches:
        raise InputError(
            f"{network.where}: the network names no space, and belongs to none of "
            f"{', '.join(space.name for space in spaces)}; give its --space, which says why"
        )
    return matches


def find_network(
    network: WrittenNetwork, default: SearchSpace | None
) -> tuple[SearchSpace, ArchConfig]:
    """Return the network in the space it names, in `default`, or in the shipped space that has it.

    Raises `InputError` where there is none, or where several spaces have it.
    """
    if network.space is not None:
        if default is None or default.name != network.space:
            try:
                default = _named(network.space)
            except InputError as error:
                raise InputError(f"{network.where}: {error}") from error
        return default, network.arch_in(default)
    if default is not None:
        return default, network.arch_in(default)
    matches = spaces_of(network, [_named(name) for name in space_names()])
    if len(matches) > 1:
        names = ", ".join(space.name for space, _ in matches)
        raise InputError(
            f"{network.where}: the network does not name its space, and {names} all have it; "
            "give --space"
        )
    return matches[0]


def _named(name: str) -> SearchSpace:
    return _shipped(name) if name in space_names() else SearchSpace.load(name)


@lru_cache(maxsize=8)
def _shipped(name: str) -> SearchSpace:
    return SearchSpace.load(name)


def _parse(text: str) -> Any:
    """Parse a JSON value or a Python literal; one-line `ValueError` where it is neither."""
    try:
        return parse_json(text)
    except ValueError as error:
        if text.lstrip()[:1] not in ("{", "(", "[") or len(text) > _LONGEST_LITERAL:
            raise
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise ValueError(str(error)) from error


def _values(value: Any, where: str) -> Iterator[tuple[Any, str]]:
    """Yield the value itself, or the networks of a list, a front, or a mapping by network."""
    if isinstance(value, dict) and isinstance(value.get("front"), list):
        value = value["front"]
    elif (
        isinstance(value, dict) and value and all(_parse_object(name) is not None for name in value)
    ):
        value = list(value)  # OFA's acc.dict: {"{...}": accuracy}
    if isinstance(value, list) and all(isinstance(element, dict | str | list) for element in value):
        for i, element in enumerate(value):
            yield element, f"{where}, network {i}"
    else:
        yield value, where


def _parse_object(text: Any) -> Any:
    """Return the object that a string holds as JSON or a Python literal, or None."""
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return None
    try:
        return _parse(text)
    except ValueError:
        return None
