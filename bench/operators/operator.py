"""`Operator`: one distinct operator of a graph, with the work that it does."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from bench.digests import content_digest
from bench.errors import FileError
from bench.files import VALUE_DAMAGE
from bench.models.model_file import DIGEST_CHARACTERS
from bench.operators.graph import TensorFacts

# These change how a tensor is read and move nothing: onnxruntime reuses the memory of their input.
VIEWS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One distinct operator: what its latency depends on.

    Attributes:
        digest: of the operator, its attributes, and types and shapes of its inputs.
        kind: the operator's name, with its domain where it is not ONNX's own.
        macs: multiply-accumulates; 0 for operators that are not convolutions, matrix products or
            recurrent layers.
        in_elements, out_elements, weight_elements: values read from other operators, written, and
            constant.
        in_bytes, out_bytes, weight_bytes: the same in memory.
        shapes: of its inputs and outputs, for people.
    """

    digest: str
    kind: str
    macs: int
    in_elements: int
    out_elements: int
    weight_elements: int
    in_bytes: int
    out_bytes: int
    weight_bytes: int
    shapes: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    @classmethod
    def of(  # noqa: PLR0913 - what an operator is, and its tensors by what they are to it
        cls,
        *,
        key: object,
        kind: str,
        macs: int,
        read: Sequence[TensorFacts],
        weights: Sequence[TensorFacts],
        written: Sequence[TensorFacts],
        shapes: str,
    ) -> Self:
        """Return an operator; `key` is all that its latency depends on, as JSON values."""
        return cls(
            digest=content_digest(json.dumps(key))[:DIGEST_CHARACTERS],
            kind=kind,
            macs=macs,
            in_elements=sum(tensor.elements for tensor in read),
            out_elements=sum(tensor.elements for tensor in written),
            weight_elements=sum(tensor.elements for tensor in weights),
            in_bytes=sum(tensor.size_bytes for tensor in read),
            out_bytes=sum(tensor.size_bytes for tensor in written),
            weight_bytes=sum(tensor.size_bytes for tensor in weights),
            shapes=shapes,
        )

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` wrote; `FileError` for anything else."""
        try:
            return cls(**data)
        except VALUE_DAMAGE as error:
            raise FileError(f"an operator is damaged ({error}): measure again") from error


def shapes_text(inputs: Sequence[TensorFacts | None], outputs: Sequence[TensorFacts | None]) -> str:
    """Return shapes for people: "3x8, 8x8 -> 3x8"."""
    sides = (
        ", ".join("x".join(map(str, each.shape)) or "1" for each in tensors if each)
        for tensors in (inputs, outputs)
    )
    return " -> ".join(sides)


def kind_of(node: Any) -> str:
    """Return an operator's name, with its domain where it is not ONNX's own."""
    domain = "" if node.domain in {"", "ai.onnx"} else f"{node.domain}."
    return f"{domain}{node.op_type}"


def macs_of(
    kind: str, inputs: Sequence[TensorFacts | None], outputs: Sequence[TensorFacts | None]
) -> int:
    """Return the multiply-accumulates of an operator; 0 where it is of no kind that has them."""
    name = kind.rpartition(".")[2]
    tensors = [tensor for tensor in inputs if tensor is not None and len(tensor.shape) > 1]
    if not tensors or not outputs or outputs[0] is None:
        return 0
    if "ConvTranspose" in name:
        return tensors[0].elements * _product(tensors[1].shape[1:]) if len(tensors) > 1 else 0
    if "Conv" in name and len(tensors) > 1:
        weight = next(tensor for tensor in tensors[1:] if len(tensor.shape) > 2)
        return outputs[0].elements * _product(weight.shape[1:])
    if "MatMul" in name or "Gemm" in name:
        return outputs[0].elements * tensors[0].shape[-1]
    if name in {"LSTM", "GRU", "RNN"} and len(tensors) > 2:
        steps, weights = tensors[0].shape[0] * tensors[0].shape[1], tensors[1:3]
        return steps * sum(weight.elements for weight in weights)
    return 0


def _product(sides: Sequence[int]) -> int:
    return int(np.prod(sides, dtype=np.int64))
