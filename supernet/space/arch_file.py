"""Files of architectures: ours (`SearchSpace.to_line`) and those of the package `ofa`.

A file is lines, one JSON value, or a list of them; a line may be a Python dictionary as `print`
writes it. A network may be wrapped under `config`, `arch` and the like, stand beside its figures in
a list, be JSON inside a string, or be a key, as in the files that OFA's accuracy data are stored
in. It may leave its space out, where the user names that or only one has such a network.
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
_DEEPEST = 4  # wrappers inside one another
_LONGEST_LITERAL = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenNetwork:
    """A network as a file has it: at `where`, of `space` if the file says, by its `fields`."""

    where: str
    space: str | None
    fields: Mapping[str, Any]

    @property
    def is_complete(self) -> bool:
        """Whether it is read without its space at hand: in our fields, and the space named."""
        return self.space is not None and not is_ofa_arch(self.fields)

    def arch_in(self, space: SearchSpace, resolution: int | None = None) -> ArchConfig:
        """The network of `space`; `InputError` names `where` and the field that is wrong."""
        try:
            if is_ofa_arch(self.fields):
                return arch_of_ofa(self.fields, space, resolution)
            return space.canonical(ArchConfig.from_json(dict(self.fields)))
        except InputError as error:
            raise InputError(f"{self.where}: {error}") from error


def parse_networks(text: str, where: str) -> list[WrittenNetwork]:
    """Networks of a file's text; `InputError` names `where` and what is wrong."""
    values = list(parse_values(text, where))
    if len(values) == 1 and values[0][1] == where and "\n" not in text.strip():
        values = [(values[0][0], f"{where}, line 1")]
    return [written_network(value, at) for value, at in values]


def parse_values(text: str, where: str) -> Iterator[tuple[Any, str]]:
    """Values of a file's text, each with its place: of the whole, of a list, or of each line."""
    text = text.removeprefix("\ufeff")
    try:
        yield from _values(_parse(text), where)
        return
    except ValueError:
        lines = [(at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip()]
    for at, line in lines:
        place = f"{where}, line {at}"
        try:
            value = _parse(line)
        except ValueError as error:
            raise InputError(f"{place}: not a line of an archs file: {error}") from error
        for inner, _ in _values(value, place):
            yield inner, place


def holds_network(value: Any) -> bool:
    """Whether a value is a network by its choices, wrapped or not."""
    return _unwrapped(value) is not None


def written_network(value: Any, where: str) -> WrittenNetwork:
    """The network that a value holds; `InputError` where it holds none."""
    fields = _unwrapped(value)
    if fields is None:
        raise InputError(
            f"{where}: a line of an archs file is a JSON object with resolution, depths, kernels "
            "and expands, or with ks, e, d and r as OFA prints them; write each network as one"
        )
    space = fields.pop("space", None)
    if space is not None and not isinstance(space, str):
        raise InputError(f"{where}: space is {space!r:.40}, expected the name of a space")
    return WrittenNetwork(where=where, space=space, fields=fields)


def _unwrapped(value: Any) -> dict[str, Any] | None:
    """Fields of the network inside a value, with space and size of what it is wrapped in."""
    outer: dict[str, Any] = {}
    for _ in range(_DEEPEST):
        if isinstance(value, str):
            value = _inside(value)
        elif isinstance(value, list | tuple):
            inside = [one for one in value if isinstance(one, dict)]
            value = inside[0] if len(inside) == 1 else None
        if not isinstance(value, dict):
            return None
        wrapper = next((name for name in WRAPPERS if name in value), None)
        ours = "depths" in value or (wrapper is None and "space" in value)
        if ours or is_ofa_arch(value):
            fields = {str(name): one for name, one in value.items()}
            if any(name in fields for name in SIZES):
                outer = {name: one for name, one in outer.items() if name == "space"}
            return {**outer, **fields}
        if wrapper is None:
            return None
        outer |= {name: value[name] for name in ("space", *SIZES) if name in value}
        value = value[wrapper]
    return None


def spaces_of(
    network: WrittenNetwork, given: Sequence[SearchSpace], resolution: int | None = None
) -> list[tuple[SearchSpace, ArchConfig]]:
    """The network in each space that it is of: the one it names, else all of `given` that have it.

    `InputError` where there is none; where `given` is one space, it says why.
    """
    if network.space is not None:
        known = {space.name: space for space in given}
        if network.space not in known:
            raise InputError(
                f"{network.where}: space is {network.space!r}, expected one of {', '.join(known)}"
            )
        space = known[network.space]
        return [(space, network.arch_in(space, resolution))]
    if len(given) == 1:
        return [(given[0], network.arch_in(given[0], resolution))]
    found = []
    for space in given:
        try:
            found.append((space, network.arch_in(space, resolution)))
        except InputError:
            continue
    if not found:
        raise InputError(
            f"{network.where}: the network names no space, and is of none of "
            f"{', '.join(space.name for space in given)}; give its --space, which says why"
        )
    return found


def find_network(
    network: WrittenNetwork, given: SearchSpace | None
) -> tuple[SearchSpace, ArchConfig]:
    """The network in the space that it names, in `given`, or in the one shipped space that has it.

    `InputError` where there is none, or where several have it.
    """
    if network.space is not None:
        if given is None or given.name != network.space:
            try:
                given = _named(network.space)
            except InputError as error:
                raise InputError(f"{network.where}: {error}") from error
        return given, network.arch_in(given)
    if given is not None:
        return given, network.arch_in(given)
    found = spaces_of(network, [_named(name) for name in space_names()])
    if len(found) > 1:
        names = ", ".join(space.name for space, _ in found)
        raise InputError(
            f"{network.where}: the network does not name its space, and {names} have one like it; "
            "give --space"
        )
    return found[0]


def _named(name: str) -> SearchSpace:
    return _shipped(name) if name in space_names() else SearchSpace.load(name)


@lru_cache(maxsize=8)
def _shipped(name: str) -> SearchSpace:
    return SearchSpace.load(name)


def _parse(text: str) -> Any:
    """A JSON value or a Python literal; `ValueError` in one line where it is neither."""
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
    """What a parsed value holds: itself, or its parts where it is a list, a front, or has keys."""
    if isinstance(value, dict) and isinstance(value.get("front"), list):
        value = value["front"]
    elif isinstance(value, dict) and value and all(_inside(name) is not None for name in value):
        value = list(value)  # OFA's acc.dict: {"{...}": accuracy}
    if isinstance(value, list) and all(isinstance(one, dict | str | list) for one in value):
        for i, one in enumerate(value):
            yield one, f"{where}, network {i}"
    else:
        yield value, where


def _inside(text: Any) -> Any:
    """The object that a string holds as JSON or a Python literal; None where it holds none."""
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return None
    try:
        return _parse(text)
    except ValueError:
        return None
