"""Conversion of a `Model` to an ONNX graph, directly from its layers: about 1 ms a block.

Torch's exporter takes 30 ms to 1 s for the same nodes; tests compare the two. An int8 file of a
whole network takes and gives float32, as exported files do; one of blocks inside a network takes
and gives uint8, as there.
"""

from onnx import TensorProto, helper

from bench.backends.onnx_nodes import INPUT, OUTPUT, Nodes
from bench.backends.onnx_quantised_nodes import QuantisedNodes
from bench.blocks.graph_form import PLAIN, GraphForm
from bench.blocks.layers import Conv, Layer, Linear, Pool, SqueezeExcite, layers_of
from bench.blocks.model import Model, Weights
from bench.blocks.spec import BlockSpec

OPSET = 17  # HardSwish came with 14; onnxruntime reads 17 since 1.12
IR_VERSION = 8


def onnx_bytes(
    model: Model, batch: int = 1, *, precision: str = "fp32", form: GraphForm = PLAIN
) -> bytes:
    """Return the content of an ONNX file: `input` is (batch, channels, size, size)."""
    takes_float, gives_float = True, True
    nodes = Nodes()
    if precision == "int8":
        takes_float = model.blocks[0].kind == "stem"
        gives_float = model.blocks[-1].kind == "classifier"
        nodes = QuantisedNodes(takes_images=takes_float)
    value = INPUT
    for place, (spec, weights) in enumerate(zip(model.blocks, model.weights, strict=True)):
        nodes.is_quantised = not (spec.kind == "stem" and form.stem == "float")
        value = _add_block(nodes, spec, weights, f"b{place}", value)
    nodes.finish(value, gives_float=gives_float)
    ends = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT if is_float else TensorProto.UINT8, (batch, *shape)
        )
        for name, is_float, shape in (
            (INPUT, takes_float, model.input_shape),
            (OUTPUT, gives_float, model.output_shape),
        )
    ]
    proto = helper.make_graph(nodes.nodes, "ofabench", ends[:1], ends[1:], nodes.weights)
    opset = helper.make_opsetid("", OPSET)
    content = helper.make_model(
        proto, opset_imports=[opset], producer_name="ofabench", ir_version=IR_VERSION
    )
    quantisations = {
        INPUT: None if takes_float else nodes.quantisation_of(INPUT),
        OUTPUT: None if gives_float else nodes.quantisation_of(value),
    }
    helper.set_model_props(
        content,
        {
            name: f"{quantisation.scale!r} {quantisation.zero_point}"
            for name, quantisation in quantisations.items()
            if quantisation is not None
        },
    )
    return bytes(content.SerializeToString())


def _add_block(
    nodes: Nodes, spec: BlockSpec, weights: Weights, prefix: str, block_input: str
) -> str:
    layers = layers_of(spec)
    value = block_input
    for layer in layers.main:
        value = _add_layer(nodes, layer, weights, prefix, value)
    if layers.shortcut is not None:
        shortcut = block_input
        for layer in layers.shortcut:
            shortcut = _add_layer(nodes, layer, weights, prefix, shortcut)
        value = nodes.add("Add", value, shortcut)
    return nodes.activation(layers.act, value)


def _add_layer(nodes: Nodes, layer: Layer, weights: Weights, prefix: str, value: str) -> str:
    match layer:
        case Conv():
            value = _add_conv(nodes, weights, prefix, layer, value)
            return nodes.activation(layer.act, value)
        case SqueezeExcite():
            return _add_squeeze_excite(nodes, weights, prefix, layer, value)
        case Pool():
            return _add_pool(nodes, layer, value)
        case Linear():
            flat = nodes.add("Flatten", value, axis=1)
            weight, bias = (weights[f"{layer.name}.{part}"] for part in ("weight", "bias"))
            return nodes.weighted("Gemm", flat, weight, bias, f"{prefix}.{layer.name}", transB=1)


def _add_conv(nodes: Nodes, weights: Weights, prefix: str, conv: Conv, value: str) -> str:
    return nodes.weighted(
        "Conv",
        value,
        weights[f"{conv.name}.weight"],
        weights[f"{conv.name}.bias"],
        f"{prefix}.{conv.name}",
        kernel_shape=[conv.kernel] * 2,
        strides=[conv.stride] * 2,
        pads=[conv.kernel // 2] * 4,
        dilations=[1, 1],
        group=conv.groups,
    )


def _add_squeeze_excite(
    nodes: Nodes, weights: Weights, prefix: str, layer: SqueezeExcite, value: str
) -> str:
    wide, narrow, name = layer.channels, layer.squeezed, layer.name
    reduce = Conv(name=f"{name}.reduce", in_size=1, in_channels=wide, out_channels=narrow)
    expand = Conv(name=f"{name}.expand", in_size=1, in_channels=narrow, out_channels=wide)
    mean = nodes.add("GlobalAveragePool", value)
    squeezed = nodes.activation("relu", _add_conv(nodes, weights, prefix, reduce, mean))
    gate = _add_conv(nodes, weights, prefix, expand, squeezed)
    gate = nodes.add("HardSigmoid", gate, alpha=1 / 6, beta=0.5)
    return nodes.add("Mul", value, gate)


def _add_pool(nodes: Nodes, pool: Pool, value: str) -> str:
    strides = [pool.stride] * 2
    if pool.how == "global":
        return nodes.add("GlobalAveragePool", value)
    if pool.how == "max":
        return nodes.add("MaxPool", value, kernel_shape=[3, 3], strides=strides, pads=[1] * 4)
    # Windows of 2 over the existing values: padding beyond the edge is not counted.
    overhang = max((pool.out_size - 1) * pool.stride + 2 - pool.in_size, 0)
    pads = [0, 0, overhang, overhang]
    return nodes.add("AveragePool", value, kernel_shape=[2, 2], strides=strides, pads=pads)
