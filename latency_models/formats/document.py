"""Read YAML and JSON look-up tables as trees with line numbers.

Every relevant JSON file is valid YAML, so one parser reads both. Events are read one by one: no
object is constructed, an alias refers to the existing node (so nested aliases use no memory), and a
file that is deeper or longer than any table is refused before the rest is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from bench.errors import InputError
from latency_models.tables.storage import decoded

LARGEST_BYTES = 4 << 20  # a table of 96 blocks at 25 resolutions is 0.5 MB
MOST_NODES = 200_000
DEEPEST = 6
# The parser of libyaml where PyYAML was built with it: 10 times as fast as the one in Python.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = {None, "!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "map"))}


@dataclass(slots=True)
class Node:
    """A scalar (`text`), a mapping (`pairs`) or a list (`items`); the other fields are None."""

    line: int
    text: str | None = None
    pairs: "list[tuple[Node, Node]] | None" = None
    items: "list[Node] | None" = None

    def describe(self) -> str:
        """Describe the node for an error message."""
        if self.text is not None:
            return repr(self.text[:40])
        return "a mapping" if self.pairs is not None else "a list"


def documents(content: bytes) -> list[Node]:
    """Return the trees of all documents of a file; `InputError` names the wrong line."""
    if len(content) > LARGEST_BYTES:
        raise InputError(
            f"it has {len(content)} bytes, expected at most {LARGEST_BYTES}: split it into several"
        )
    text = decoded(content)
    if text.lstrip().startswith("{"):  # JSON may be indented by tabs, YAML may not
        text = text.replace("\t", " ")
    try:
        return _Reader(yaml.parse(text, _LOADER)).read()
    except yaml.YAMLError as error:
        raise InputError(_parse_problem(error, text)) from error


def _parse_problem(error: yaml.YAMLError, text: str) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return f"it is neither YAML nor JSON: {str(error).splitlines()[0][:200]}"
    lines = text.splitlines() or [""]
    index = min(mark.line, len(lines) - 1)  # the end of a file may count as one more line
    if lines[index][mark.column :].startswith("\t"):
        problem = "it is indented by a tab, YAML takes spaces"
    return f"line {index + 1} is neither YAML nor JSON: {problem[:200]}"


@dataclass(slots=True)
class _Reader:
    """Builds nodes from events; stops at the first one beyond the limits."""

    events: Iterator[Any]
    anchors: dict[str, Node] = field(default_factory=dict)
    nodes: int = 0

    def read(self) -> list[Node]:
        nodes = []
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors = {}
            elif not isinstance(
                event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent
            ):
                nodes.append(self._node(event, 0))
        return nodes

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_NODES:
            limit = f"{DEEPEST} levels" if depth > DEEPEST else f"{MOST_NODES} values"
            raise InputError(f"line {line}: no look-up table has more than {limit}")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise InputError(f"line {line}: the alias *{event.anchor:.40} names nothing above")
            return self.anchors[event.anchor]
        if event.tag not in _PLAIN_TAGS and not isinstance(event, yaml.SequenceStartEvent):
            raise _tagged(event.tag, line)
        node = Node(line)
        if isinstance(event, yaml.ScalarEvent):
            node.text = event.value
        elif isinstance(event, yaml.MappingStartEvent):
            node.pairs = self._pairs(depth + 1)
        else:
            if event.tag is not None and event.tag != "tag:yaml.org,2002:seq":
                raise _tagged(event.tag, line)
            node.items = list(self._until(yaml.SequenceEndEvent, depth + 1))
        if event.anchor is not None:
            # Registered only when complete, so that no node contains itself.
            self.anchors[event.anchor] = node
        return node

    def _until(self, end: type, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self.events), end):
            yield self._node(event, depth)

    def _pairs(self, depth: int) -> list[tuple[Node, Node]]:
        nodes = self._until(yaml.MappingEndEvent, depth)
        return [(key, next(nodes)) for key in nodes]


def _tagged(tag: str, line: int) -> InputError:
    short = tag.replace("tag:yaml.org,2002:", "!!")
    return InputError(
        f"line {line} holds an object of a program ({short[:60]}), expected plain numbers and "
        "texts: write numbers with float(...), then yaml.safe_dump or json.dump"
    )
