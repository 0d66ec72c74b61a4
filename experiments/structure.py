"""Figures of the code's structure, of this checkout or of another, to be compared.

    python -m experiments.structure [--root FOLDER] [--json] [--no-flows]

- Circles: files that import each other in a loop (strongly connected components), and the imports
  that tie them. Every import counts, also inside functions and under `TYPE_CHECKING`.
- Pairs of folders: two folders of which each imports the other. A file's folder is the one in which
  it lies itself, so that a folder and one inside it are two. What an `__init__` or a `__main__`
  imports is no tie: it hands names on.
- Loose modules: files in a package's own folder, but for `__init__` and `__main__`.
- Namespace functions: functions with a parameter that is annotated as an `argparse.Namespace`;
  outside are those not in `ofabench/cli*` or `ofabench/commands`. Lines are from `def` to the end.
- Lines: of Python files, all of them.
- Flows: `ofabench sweep` to its store and `ofabench search` to its result; see `experiments.flows`.
"""

import argparse
import ast
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.errors import InputError
from experiments.flows import Flow, run_flows
from experiments.import_graph import (
    PACKAGES,
    Import,
    Tree,
    components,
    file_graph,
    folder_imports,
    folder_of,
    is_face,
    read_tree,
)

COMMAND_LINE = ("ofabench/cli", "ofabench/commands/")
NAMESPACE = re.compile(r"\bNamespace\b")


@dataclass(frozen=True, slots=True)
class Circle:
    """Files that import each other in a loop."""

    files: tuple[str, ...]
    ties: tuple[Import, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two folders that import each other; the first import each way."""

    folders: tuple[str, str]
    there: Import
    back: Import


@dataclass(frozen=True, slots=True)
class NamespaceFunction:
    """A function that takes parsed arguments."""

    file: str
    name: str
    line: int
    lines: int
    outside: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Figures of one checkout; `flows` is empty where they were not run."""

    circles: tuple[Circle, ...]
    pairs: tuple[Pair, ...]
    loose: dict[str, int]
    namespace: tuple[NamespaceFunction, ...]
    lines: dict[str, int]
    flows: tuple[Flow, ...]


def structure_of(tree: Tree, flows: Sequence[Flow] = ()) -> Structure:
    """Return the figures of a tree."""
    packages = [name for name in PACKAGES if any(f.startswith(f"{name}/") for f in tree.files)]
    return Structure(
        circles=circles(tree),
        pairs=pairs(tree),
        loose={
            name: sum(folder_of(f) == name and not is_face(f) for f in tree.files)
            for name in packages
        },
        namespace=namespace_functions(tree),
        lines={
            name: sum(
                len(text.splitlines()) for f, text in tree.files.items() if f.startswith(f"{name}/")
            )
            for name in packages
        },
        flows=tuple(flows),
    )


def circles(tree: Tree) -> tuple[Circle, ...]:
    """Return the circles of files."""
    return tuple(
        Circle(
            files=tuple(sorted(component)),
            ties=tuple(
                i for i in tree.imports if i.importer in component and i.imported in component
            ),
        )
        for component in components(file_graph(tree))
        if len(component) > 1
    )


def pairs(tree: Tree) -> tuple[Pair, ...]:
    """Return the pairs of folders that import each other."""
    ties = folder_imports(tree)
    return tuple(
        Pair(folders=(a, b), there=there, back=ties[b, a])
        for (a, b), there in sorted(ties.items())
        if a < b and (b, a) in ties
    )


def namespace_functions(tree: Tree) -> tuple[NamespaceFunction, ...]:
    """Return the functions that take an `argparse.Namespace`."""
    result = []
    for file, parsed in tree.parsed.items():
        for node in ast.walk(parsed):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _takes(node):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                outside = not file.startswith(COMMAND_LINE)
                result.append(NamespaceFunction(file, node.name, node.lineno, lines, outside))
    return tuple(sorted(result, key=lambda function: (function.file, function.line)))


def _takes(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    notes = [
        argument.annotation
        for argument in every
        if argument is not None and argument.annotation is not None
    ]
    return any(NAMESPACE.search(ast.unparse(note)) for note in notes)


def text_of(structure: Structure) -> str:
    """Return the figures as lines to read."""
    lines = [f"circles of files: {len(structure.circles)}"]
    for circle in structure.circles:
        lines.append(f"  {', '.join(circle.files)}")
        lines += [f"    {_words(tie)}" for tie in circle.ties]
    lines.append(f"pairs of folders that import each other: {len(structure.pairs)}")
    for pair in structure.pairs:
        lines.append(f"  {' and '.join(pair.folders)}")
        lines += [f"    {_words(pair.there)}", f"    {_words(pair.back)}"]
    lines.append(f"loose modules: {_counts(structure.loose)}")
    outside = [function for function in structure.namespace if function.outside]
    lines.append(
        f"functions that take a Namespace: {len(structure.namespace)}, "
        f"{sum(function.lines for function in structure.namespace):,} lines; "
        f"outside the command line: {len(outside)}"
    )
    lines += [f"  {function.file}:{function.line} {function.name}" for function in outside]
    lines.append(f"lines: {_counts(structure.lines)}; {sum(structure.lines.values()):,} in all")
    for flow in structure.flows:
        lines.append(
            f"{flow.command}: {len(flow.files)} files, {flow.climbs} climbs; {flow.functions} "
            f"functions in {flow.stays} stays, {len(flow.calls_up)} calls up"
        )
        lines += [f"  {file}" for file in flow.files]
        lines += [f"  up: {caller} calls {callee}" for caller, callee in flow.calls_up]
    return "\n".join(lines)


def _words(edge: Import) -> str:
    return f"{edge.importer}:{edge.line} -> {edge.imported}: {', '.join(edge.names)}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures of a checkout; 2 where it is none."""
    parser = argparse.ArgumentParser(prog="python -m experiments.structure", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    here = Path(__file__).resolve().parents[1]
    parser.add_argument("--root", type=Path, default=here, help="a checkout; default: this one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--no-flows", action="store_true", help="run no command: 1 s instead of 30")
    args = parser.parse_args(argv)
    try:
        tree = read_tree(args.root)
        flows = []
        if not args.no_flows:
            with tempfile.TemporaryDirectory() as folder:
                flows = run_flows(args.root, tree, Path(folder))
    except InputError as error:
        print(f"structure: {error}", file=sys.stderr)
        return 2
    result = structure_of(tree, flows)
    print(json.dumps(asdict(result), indent=1) if args.json else text_of(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
