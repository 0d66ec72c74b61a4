"""Peak memory of a block's activations while its layers run one after another.

It counts the tensors that are alive at the same time: a layer's input and output, and the block's
input while a shortcut needs it. Element-wise operations are in place: activations, squeeze-excite's
scaling, the addition of a shortcut. Padding is part of its layer. Weights, and memory of the
runtime itself, are not counted.

It is the peak memory of MCUNet (Lin et al., NeurIPS 2020) and the arena of TensorFlow Lite Micro,
without the gaps of their tensor placement and without TinyEngine's in-place depthwise convolution.
The lifetimes of the tensors in an exported TFLite file give the same number; a runtime that pads
before it convolves, as TFLite does without XNNPACK, needs more (1.2 to 1.7 times as much for
networks of `ofa-mbv3-w1.0`, whose strided blocks have the peak).

A block's input is its predecessor's output and nothing else is alive between blocks: so a network's
peak is the largest of its blocks'.
"""

from collections.abc import Iterator
from functools import lru_cache

from bench.blocks.layers import Conv, Layer, Linear, Pool, SqueezeExcite, layers_of
from bench.blocks.spec import BlockSpec


@lru_cache(maxsize=65536)
def peak_values(spec: BlockSpec) -> int:
    """Return the most activation values alive at once in one inference of one image."""
    layers = layers_of(spec)
    input_values = spec.in_size**2 * spec.in_channels
    output_values = spec.out_size**2 * spec.out_channels
    shortcut = layers.shortcut
    peak = 0
    for place, layer in enumerate(layers.main):
        # The first layer's input is the block's input, which is counted once.
        waiting = input_values if shortcut is not None and place > 0 else 0
        peak = max(peak, waiting + _alive(layer))
    if shortcut is None:
        return peak
    # The block's output waits for the shortcut, then both for their sum.
    shortcut_peaks = [output_values + _alive(layer) for layer in shortcut]
    return max(peak, *shortcut_peaks, 2 * output_values)


def _alive(layer: Layer) -> int:
    """Return the most values alive at once in a layer, including its input and output."""
    return max(sum(step) for step in _steps(layer))


def _steps(layer: Layer) -> Iterator[tuple[int, ...]]:
    """Yield the sizes of the tensors alive at each step of a layer."""
    match layer:
        case Conv():
            yield layer.in_size**2 * layer.in_channels, layer.out_size**2 * layer.out_channels
        case SqueezeExcite():
            # The scaled values wait for their gate: the mean, squeezed, and wide again.
            scaled = layer.in_size**2 * layer.channels
            yield scaled, layer.channels
            yield scaled, layer.channels, layer.squeezed
            yield scaled, layer.squeezed, layer.channels
        case Pool():
            yield layer.in_size**2 * layer.channels, layer.out_size**2 * layer.channels
        case Linear():
            yield layer.in_channels, layer.out_channels
