"""One-token mutants of a module, made by cosmic-ray's operators."""

import ast
import difflib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

# These two need arguments; NoOp changes nothing; RemoveDecorator removes more than a token.
LEFT_OUT = ("VariableReplacer", "VariableInserter", "NoOp", "RemoveDecorator")
# Identity for equality, and the other way round, mostly changes the style alone.
SAME_MEANING = ("Eq_Is", "Eq_IsNot", "NotEq_Is", "NotEq_IsNot", "Is_Eq", "IsNot_NotEq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an operator may change. `number` counts from 1 and stays while the module does."""

    number: int
    operator: str
    occurrence: int
    token: tuple[int, int]  # line and column


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A module with one token changed."""

    number: int
    before: str  # the changed line without indentation
    after: str
    code: str

    def diff(self, original: str, path: str) -> str:
        """Return the change as a unified diff with one line of context."""
        lines = difflib.unified_diff(
            original.splitlines(), self.code.splitlines(), path, path, n=1, lineterm=""
        )
        return "\n".join(lines)


def all_positions(code: str) -> list[Position]:
    """Return all that may be changed, by operator and then in the order of the text."""
    nodes = list(ast_nodes(get_ast(code)))
    result: list[Position] = []
    for name in sorted(operator_names()):
        short = name.rpartition("/")[2]
        if short in LEFT_OUT or short.endswith(SAME_MEANING):
            continue
        operator = get_operator(name)()
        spans = (span for node in nodes for span in operator.mutation_positions(node))
        for occurrence, (token, _) in enumerate(spans):
            number = len(result) + 1
            position = Position(number=number, operator=name, occurrence=occurrence, token=token)
            result.append(position)
    return result


def draw(positions: list[Position], seed: int) -> list[Position]:
    """Return the positions in random order, another token each before any token's second one."""
    shuffled = random.Random(seed).sample(positions, len(positions))
    seen: Counter[tuple[int, int]] = Counter()
    turns = []
    for position in shuffled:
        turns.append(seen[position.token])
        seen[position.token] += 1
    paired = sorted(zip(turns, shuffled, strict=True), key=lambda pair: pair[0])
    return [position for _, position in paired]


def mutants(code: str, positions: list[Position]) -> Iterator[Mutant]:
    """Yield the mutants of these positions that may behave differently from `code`."""
    meaning = _meaning(code)
    for position in positions:
        mutated = mutate_code(code, get_operator(position.operator)(), position.occurrence)
        if mutated is None or _meaning(mutated) in {None, meaning}:
            continue
        before, after = _changed_line(code, mutated)
        if (
            before.startswith("@dataclass(")
            or before.replace("strict=True", "strict=False") == after
        ):
            continue  # they guard against mistakes in our own code, and decide no result
        yield Mutant(number=position.number, before=before, after=after, code=mutated)


@cache
def _meaning(code: str) -> str | None:
    """Return the syntax tree without type annotations, which decide nothing; None where invalid.

    For instance the `*` before keyword arguments is taken for an operator.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return ast.dump(tree)


def _changed_line(code: str, mutated: str) -> tuple[str, str]:
    pairs = zip(code.splitlines(), mutated.splitlines(), strict=True)
    return next((before.strip(), after.strip()) for before, after in pairs if before != after)
