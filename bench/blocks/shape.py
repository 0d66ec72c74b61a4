"""`BlockShape`: one block in integers; `bench.blocks.spec` adds what follows from its layers."""

import re
from dataclasses import dataclass
from typing import Self

from bench.errors import InputError

KINDS = (
    "stem",  # convolution, norm, activation
    "mbconv",  # inverted residual: [expand], depthwise, [squeeze-excite], project
    "bottleneck",  # ResNet-D: reduce, spatial, expand, shortcut with average pooling
    "max_pool",
    "final_expand",  # 1x1 convolution with norm at the last feature size
    "avg_pool",  # global
    "feature_mix",  # 1x1 convolution without norm, after global pooling
    "classifier",
)
ACTS = ("none", "relu", "relu6", "hswish")

# No size or width has more than 9 digits; Python refuses to parse thousands of digits.
_KEY = re.compile(
    r"(?P<kind>[a-z_]+)-(?P<in_size>N)x(?P<in_channels>N)-m(?P<mid_channels>N)"
    r"-o(?P<out_channels>N)-k(?P<kernel>N)-s(?P<stride>N)-(?P<act>[a-z0-9]+)"
    r"-se(?P<se>N)-r(?P<residual>[01])".replace("N", "[0-9]{1,9}")
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class BlockShape:
    """One static block: integers, never ratios. Sizes in pixels (square), widths in channels.

    `mid_channels` is the hidden width (0 for kinds without one; equal to `in_channels` in an
    `mbconv` without expansion). `se` is the width that squeeze-excite squeezes to, 0 for none.
    `residual`: the input is added to the output (a bottleneck always has a shortcut).
    """

    kind: str
    in_size: int
    in_channels: int
    out_channels: int
    mid_channels: int = 0
    kernel: int = 1
    stride: int = 1
    act: str = "none"
    se: int = 0
    residual: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"block kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        if self.act not in ACTS:
            raise InputError(f"activation is {self.act!r}, expected one of {', '.join(ACTS)}")
        for name in ("in_size", "in_channels", "out_channels", "kernel", "stride"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} of a {self.kind} is {getattr(self, name)}, at least 1")
        if self.kernel % 2 == 0:
            raise InputError(f"kernel of a {self.kind} is {self.kernel}, expected an odd number")
        if self.kind in ("mbconv", "bottleneck") and self.mid_channels < 1:
            raise InputError(f"mid_channels of a {self.kind} is {self.mid_channels}, at least 1")
        shape_kept = self.stride == 1 and self.in_channels == self.out_channels
        if self.residual and self.kind != "bottleneck" and not shape_kept:
            raise InputError(f"a residual {self.kind} must keep its shape, got {self.key}")

    @property
    def out_size(self) -> int:
        """Side of the output in pixels; 'same' padding, so ceil(in_size / stride)."""
        if self.kind == "avg_pool":
            return 1
        return (self.in_size - 1) // self.stride + 1

    @property
    def key(self) -> str:
        """A string that `parse` reads back; unique for each shape."""
        return (
            f"{self.kind}-{self.in_size}x{self.in_channels}-m{self.mid_channels}"
            f"-o{self.out_channels}-k{self.kernel}-s{self.stride}-{self.act}"
            f"-se{self.se}-r{int(self.residual)}"
        )

    @classmethod
    def parse(cls, key: str) -> Self:
        """Return the shape of a `key`; `InputError` if the text is not a key."""
        match = _KEY.fullmatch(key)
        if match is None:
            example = "mbconv-28x40-m240-o40-k5-s1-hswish-se64-r1"
            raise InputError(f"not the key of a block: {key!r}; one looks like {example}")
        text = match.groupdict()
        kind, act, residual = text.pop("kind"), text.pop("act"), text.pop("residual") == "1"
        numbers = {name: int(value) for name, value in text.items()}
        return cls(kind=kind, act=act, residual=residual, **numbers)

    @property
    def in_bytes(self) -> int:
        """Bytes of the input activations of one float32 image."""
        return 4 * self.in_size**2 * self.in_channels

    @property
    def out_bytes(self) -> int:
        """Bytes of the output activations of one float32 image."""
        return 4 * self.out_size**2 * self.out_channels
