"""Which operators of a TFLite file XNNPACK runs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DELEGATE = "DELEGATE"


def all_delegated(content: bytes, threads: int = 1) -> bool | None:
    """Whether XNNPACK runs every operator of a TFLite file; None where LiteRT does not say.

    The file must be one that LiteRT runs, with fixed shapes.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    listed = getattr(interpreter, "_get_ops_details", None)  # outside LiteRT's public API
    return None if listed is None else not undelegated(listed())


def undelegated(operators: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the operators that run outside a delegate.

    An interpreter lists all operators of its file, and after them each part of the graph that a
    delegate runs, with the tensors that the part reads and writes.

    Args:
        operators: `index`, `op_name`, `inputs` and `outputs` of each, as the interpreter lists
            them.
    """
    plain = [each for each in operators if each["op_name"] != DELEGATE]
    writers = {int(tensor): each for each in plain for tensor in each["outputs"]}
    inside: set[int] = set()
    for part in operators:
        if part["op_name"] == DELEGATE:
            inside |= set(_part_of(part["inputs"], part["outputs"], writers))
    return [str(each["op_name"]) for each in plain if each["index"] not in inside]


def _part_of(
    read: Iterable[int], written: Iterable[int], writers: Mapping[int, Mapping[str, Any]]
) -> Iterable[int]:
    """Yield the indices of the operators between the tensors that a part reads and writes."""
    seen, pending = {int(tensor) for tensor in read}, [int(tensor) for tensor in written]
    while pending:
        tensor = pending.pop()
        if tensor in writers and tensor not in seen:
            yield int(writers[tensor]["index"])
            pending += [int(each) for each in writers[tensor]["inputs"]]
        seen.add(tensor)
