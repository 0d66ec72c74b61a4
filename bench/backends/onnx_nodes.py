"""Nodes and weights of an ONNX graph under construction, in float32."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from bench.blocks.model import Array
from bench.blocks.quantisation import Quantisation
from bench.errors import InputError

INPUT, OUTPUT = "input", "output"


class Nodes:
    """Nodes and weights in order of execution; values are referred to by name.

    `is_quantised` says whether the nodes that are added next are int8, where the graph can be.
    """

    is_quantised = False

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Append a node of computed values and return the name of its output."""
        return self.append(op, *inputs, **attributes)

    def weighted(
        self, op: str, value: str, weight: Array, bias: Array, name: str, **attributes: Any
    ) -> str:
        """Append a convolution or product with its weights and bias."""
        terms = self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)
        return self.append(op, value, *terms, **attributes)

    def activation(self, act: str, value: str) -> str:
        """Append an activation; "none" adds nothing."""
        match act:
            case "none":
                return value
            case "relu":
                return self.add("Relu", value)
            case "relu6":
                if not any(tensor.name == "six" for tensor in self.weights):
                    self.constant("zero", 0.0)
                    self.constant("six", 6.0)
                return self.append("Clip", value, "zero", "six")
            case "hswish":
                return self.add("HardSwish", value)
        raise InputError(f"activation is {act!r}, expected none, relu, relu6 or hswish")

    def quantisation_of(self, value: str) -> Quantisation | None:
        """Return how a value's integers stand for numbers; None for float32."""
        return None

    def finish(self, value: str, *, gives_float: bool) -> None:
        """Make `value`, the last node's output, the output of the graph."""
        self.nodes[-1].output[0] = OUTPUT

    def append(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Append a node as it is and return the name of its output."""
        output = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        """Append a float32 weight and return its name."""
        array = np.asarray(value, dtype="<f4", order="C")
        tensor = helper.make_tensor(name, TensorProto.FLOAT, array.shape, array.tobytes(), raw=True)
        self.weights.append(tensor)
        return name
