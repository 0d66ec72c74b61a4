"""Operators of a TFLite graph under construction, with padding as torch has it.

TFLite's `SAME` padding is larger at the end where torch pads both sides equally; where the two
differ, padding is a separate operator, which XNNPACK fuses with the next one.
"""

import numpy as np

from bench.backends.tflite_buffer import Flatbuffer, Tensor
from bench.backends.tflite_schema import schema
from bench.backends.tflite_values import FloatValues, Values
from bench.blocks.layers import Pool
from bench.blocks.model import Array


class Operators:
    """Adds operators to a file; `values` adds their tensors in the current precision."""

    def __init__(self, file: Flatbuffer) -> None:
        self.file = file
        self.values: Values = FloatValues(file)
        self.same = int(schema().Padding.SAME)
        self.count = 0

    def op(  # noqa: PLR0913 - an operator as the schema has it
        self,
        op: str,
        inputs: list[Tensor],
        shape: tuple[int, ...],
        options: str,
        *,
        act: str = "none",
        fused: bool = False,
        fields: dict[str, int | bool] | None = None,
    ) -> Tensor:
        """Add an operator with its options' `fields`.

        `act` gives the range of its output and, `fused`, its activation.
        """
        fields = dict(fields or {})
        if fused:
            kinds = schema().ActivationFunctionType
            codes = {"relu": kinds.RELU, "relu6": kinds.RELU6}
            fields["FusedActivationFunction"] = codes.get(act, kinds.NONE)
        output = self.values.computed(shape, f"{op.lower()}{self.count}", act)
        return self.append(op, inputs, output, options, **fields)

    def append(
        self, op: str, inputs: list[Tensor], output: Tensor, options: str, **fields: int | bool
    ) -> Tensor:
        """Append an operator and return its output."""
        self.count += 1
        self.file.operator(op, inputs, output, options, **fields)
        return output

    def mean(self, value: Tensor) -> Tensor:
        """Add the mean over height and width."""
        axes = self.file.constant(np.array([1, 2], dtype=np.int32), f"axes{self.count}")
        shape = (value.shape[0], 1, 1, value.shape[3])
        return self.op("MEAN", [value, axes], shape, "ReducerOptions", fields={"KeepDims": True})

    def pool(self, pool: Pool, value: Tensor, *, is_non_negative: bool) -> Tensor:
        """Add max or average pooling; a maximum of values that are never negative pads with 0."""
        if pool.how == "max":
            op, window = "MAX_POOL_2D", 3
            fill = 0.0 if is_non_negative else float(np.finfo(np.float32).min)
            value, padding = self.padded(value, window, pool.stride, pool.out_size, fill)
        else:
            # SAME is correct here: the window reaches over the end, and only existing values count.
            op, window, padding = "AVERAGE_POOL_2D", 2, self.same
        shape = (value.shape[0], pool.out_size, pool.out_size, pool.channels)
        return self.append(
            op,
            [value],
            self.values.like(shape, f"{op.lower()}{self.count}", value),
            "Pool2DOptions",
            Padding=padding,
            StrideW=pool.stride,
            StrideH=pool.stride,
            FilterWidth=window,
            FilterHeight=window,
        )

    def padded(
        self,
        value: Tensor,
        kernel: int | tuple[int, int],
        stride: int,
        out_size: int,
        fill: float,
    ) -> tuple[Tensor, int]:
        """Pad by `kernel // 2` as torch does: by `SAME` if that is equal, else by an operator.

        A kernel is (height, width), or one number for both.
        """
        batch, size, _, channels = value.shape
        sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        totals = [max((out_size - 1) * stride + side - size, 0) for side in sides]
        if all(total // 2 == side // 2 for total, side in zip(totals, sides, strict=True)):
            return value, self.same
        around = [
            (side // 2, max(total - side // 2, 0))
            for total, side in zip(totals, sides, strict=True)
        ]
        pads = np.array([(0, 0), *around, (0, 0)], dtype=np.int32)
        inputs = [value, self.file.constant(pads, f"pads{self.count}")]
        op, options = "PAD", "PadOptions"
        if fill != 0:
            op, options = "PADV2", "PadV2Options"
            inputs.append(self.values.fill(fill, f"fill{self.count}", value))
        shape = (batch, *(size + before + after for before, after in around), channels)
        output = self.values.like(shape, f"{op.lower()}{self.count}", value)
        return self.append(op, inputs, output, options), int(schema().Padding.VALID)


def scalar(value: float) -> Array:
    """Return a tensor of one number."""
    return np.full(1, value, dtype=np.float32)
