"""Imports between the files of a checkout, read from their code: nothing of it is run.

Read is every import statement, also inside functions and under `TYPE_CHECKING`. What
`importlib.import_module` loads by a computed name is not seen.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError

PACKAGES = ("bench", "latency_models", "supernet", "ofabench")
FACES = ("__init__.py", "__main__.py")

Graph = Mapping[str, Set[str]]


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """File `importer` takes `names` from file `imported` in line `line`; paths from the root."""

    importer: str
    imported: str
    line: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """Python files of a checkout by their path from its root, and the imports among them."""

    files: Mapping[str, str]
    parsed: Mapping[str, ast.Module]
    imports: tuple[Import, ...]


def read_tree(root: Path) -> Tree:
    """Return the product's files under `root`; `InputError` where there are none."""
    paths = sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))
    if not paths:
        raise InputError(f"{root} holds none of {', '.join(PACKAGES)}; give a checkout as --root")
    files = {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in paths}
    parsed = {path: _parse(path, text) for path, text in files.items()}
    modules = {_module(path): path for path in files}
    result = (edge for path in files for edge in _imports(path, parsed[path], modules))
    return Tree(files=files, parsed=parsed, imports=tuple(sorted(result)))


def folder_of(path: str) -> str:
    """Return the folder that directly contains a file: `bench/cuda`, not `bench`.

    A folder and one inside it are two folders like any others.
    """
    return path.rpartition("/")[0]


def is_face(path: str) -> bool:
    """Return whether a file is an `__init__` or a `__main__`, which re-export names."""
    return path.rpartition("/")[2] in FACES


def file_graph(tree: Tree) -> Graph:
    """Return which files each file imports."""
    graph: dict[str, set[str]] = {path: set() for path in tree.files}
    for edge in tree.imports:
        graph[edge.importer].add(edge.imported)
    return graph


def folder_imports(tree: Tree) -> Mapping[tuple[str, str], Import]:
    """Return the first import, by path, from each folder into each other.

    What an `__init__` or a `__main__` imports is no tie.
    """
    ties: dict[tuple[str, str], Import] = {}
    for edge in tree.imports:
        ends = folder_of(edge.importer), folder_of(edge.imported)
        if ends[0] != ends[1] and not is_face(edge.importer):
            ties.setdefault(ends, edge)
    return ties


def folder_graph(tree: Tree) -> Graph:
    """Return which other folders each folder imports."""
    graph: dict[str, set[str]] = {folder_of(path): set() for path in tree.files}
    for importer, imported in folder_imports(tree):
        graph[importer].add(imported)
    return graph


def package_graph(tree: Tree) -> Graph:
    """Return which other packages each package imports."""
    graph: dict[str, set[str]] = {path.split("/")[0]: set() for path in tree.files}
    for edge in tree.imports:
        graph[edge.importer.split("/")[0]].add(edge.imported.split("/")[0])
    return {package: targets - {package} for package, targets in graph.items()}


def components(graph: Graph) -> list[frozenset[str]]:
    """Return the strongly connected components: nodes that reach each other, alone or together."""
    reached = reach(graph)
    result = {frozenset({a} | {b for b in reached[a] if a in reached[b]}) for a in graph}
    return sorted(result, key=sorted)


def reach(graph: Graph) -> dict[str, frozenset[str]]:
    """Return what each node imports, directly or indirectly."""
    return {node: _reached(graph, node) for node in graph}


def layers(graph: Graph) -> dict[str, int]:
    """Return each node's layer: 1 without imports, else one above its highest import.

    Nodes that reach each other share a layer.
    """
    component = {node: members for members in components(graph) for node in members}
    known: dict[frozenset[str], int] = {}

    def layer(members: frozenset[str]) -> int:
        if members not in known:
            below = {component[b] for a in members for b in graph[a]} - {members}
            known[members] = 1 + max(map(layer, below), default=0)
        return known[members]

    return {node: layer(component[node]) for node in graph}


def _reached(graph: Graph, start: str) -> frozenset[str]:
    reached: set[str] = set()
    todo = [start]
    while todo:
        new = graph[todo.pop()] - reached
        reached |= new
        todo += new
    return frozenset(reached)


def _parse(path: str, text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise InputError(f"{path} is no Python, line {error.lineno}: {error.msg}") from None


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imports(path: str, tree: ast.Module, modules: Mapping[str, str]) -> Iterator[Import]:
    """Return the imports of one file; a name that is a module is the module's file."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names: dict[str, set[str]] = defaultdict(set)
        above = f"{_absolute(path, node)}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            names[_file(above + alias.name, modules)].add(alias.name)
        for imported, imported_names in names.items():
            if imported and imported != path:
                yield Import(path, imported, node.lineno, tuple(sorted(imported_names)))


def _absolute(path: str, node: ast.ImportFrom) -> str:
    """Return the module that is named, without dots in front."""
    if not node.level:
        return node.module or ""
    above = path.split("/")[: -node.level]
    return ".".join([*above, *([node.module] if node.module else [])])


def _file(name: str, modules: Mapping[str, str]) -> str:
    """Return the file of the longest part of a dotted name that is a module; "" where none is."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return modules.get(name, "")
