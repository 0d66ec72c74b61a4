"""The layers of a `BlockShape`: the single definition of what a block computes.

`build_block` (torch), the ONNX and TFLite graphs, weights, MACs and parameters are all derived from
it, so that what is counted, timed, trained and shipped stays the same.
"""

from dataclasses import dataclass
from functools import lru_cache

from bench.blocks.shape import BlockShape
from bench.errors import InputError

NORM_EPS = 1e-5  # as in OFA's networks, except its ProxylessNAS


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """Convolution with `kernel // 2` padding, then a norm (or a bias), then an activation."""

    name: str
    in_size: int
    in_channels: int
    out_channels: int
    kernel: int = 1
    stride: int = 1
    groups: int = 1
    act: str = "none"
    norm: bool = True

    @property
    def out_size(self) -> int:
        return (self.in_size - 1) // self.stride + 1

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        return (self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel)

    @property
    def macs(self) -> int:
        taps = self.in_channels // self.groups * self.kernel**2
        return self.out_size**2 * self.out_channels * taps

    @property
    def params(self) -> int:
        taps = self.in_channels // self.groups * self.kernel**2
        # A norm has a scale and a shift; without one, OFA's feature mix has no bias either.
        return self.out_channels * taps + (2 * self.out_channels if self.norm else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExcite:
    """Global mean, 1x1 convolution, ReLU, 1x1 convolution, hard sigmoid, scale."""

    name: str
    in_size: int
    channels: int
    squeezed: int

    @property
    def out_size(self) -> int:
        return self.in_size

    @property
    def macs(self) -> int:
        return 2 * self.channels * self.squeezed

    @property
    def params(self) -> int:
        return 2 * self.channels * self.squeezed + self.channels + self.squeezed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Pooling without weights: `max` 3x3 padded by 1, `avg` 2x2 without padding, or `global`."""

    name: str
    how: str  # "max", "avg", "global"
    in_size: int
    channels: int
    stride: int = 1

    @property
    def out_size(self) -> int:
        return 1 if self.how == "global" else (self.in_size - 1) // self.stride + 1

    macs = 0
    params = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Fully connected layer with bias over a 1x1 feature map."""

    name: str
    in_channels: int
    out_channels: int
    in_size: int = 1
    out_size: int = 1

    @property
    def macs(self) -> int:
        return self.in_channels * self.out_channels

    @property
    def params(self) -> int:
        return (self.in_channels + 1) * self.out_channels


Layer = Conv | SqueezeExcite | Pool | Linear


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLayers:
    """A block as `act(main(x) + shortcut(x))`; shortcut None means none, () the identity."""

    main: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] | None = None
    act: str = "none"

    @property
    def all(self) -> tuple[Layer, ...]:
        return self.main + (self.shortcut or ())

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.all)

    @property
    def params(self) -> int:
        return sum(layer.params for layer in self.all)


@lru_cache(maxsize=65536)
def layers_of(spec: BlockShape) -> BlockLayers:
    """Return the layers of a block."""
    return _BUILDERS[spec.kind](spec)


def _conv_block(spec: BlockShape) -> BlockLayers:
    conv = Conv(
        name="conv",
        in_size=spec.in_size,
        in_channels=spec.in_channels,
        out_channels=spec.out_channels,
        kernel=spec.kernel,
        stride=spec.stride,
        act=spec.act,
        norm=spec.kind != "feature_mix",
    )
    return BlockLayers(main=(conv,), shortcut=() if spec.residual else None)


def _mbconv(spec: BlockShape) -> BlockLayers:
    size, mid = spec.in_size, spec.mid_channels
    main: list[Layer] = []
    if mid != spec.in_channels:
        expand = Conv(
            name="expand",
            in_size=size,
            in_channels=spec.in_channels,
            out_channels=mid,
            act=spec.act,
        )
        main.append(expand)
    depthwise = Conv(
        name="depthwise",
        in_size=size,
        in_channels=mid,
        out_channels=mid,
        kernel=spec.kernel,
        stride=spec.stride,
        groups=mid,
        act=spec.act,
    )
    main.append(depthwise)
    if spec.se:
        se = SqueezeExcite(name="se", in_size=spec.out_size, channels=mid, squeezed=spec.se)
        main.append(se)
    project = Conv(
        name="project", in_size=spec.out_size, in_channels=mid, out_channels=spec.out_channels
    )
    main.append(project)
    return BlockLayers(main=tuple(main), shortcut=() if spec.residual else None)


def _bottleneck(spec: BlockShape) -> BlockLayers:
    size, out_size, mid, act = spec.in_size, spec.out_size, spec.mid_channels, spec.act
    main = (
        Conv(name="reduce", in_size=size, in_channels=spec.in_channels, out_channels=mid, act=act),
        Conv(
            name="spatial",
            in_size=size,
            in_channels=mid,
            out_channels=mid,
            kernel=spec.kernel,
            stride=spec.stride,
            act=act,
        ),
        Conv(name="expand", in_size=out_size, in_channels=mid, out_channels=spec.out_channels),
    )
    shortcut: tuple[Layer, ...] = ()
    if spec.stride > 1:
        pool = Pool(
            name="pool", how="avg", in_size=size, channels=spec.in_channels, stride=spec.stride
        )
        shortcut += (pool,)
    if spec.stride > 1 or spec.in_channels != spec.out_channels:
        down = Conv(
            name="downsample",
            in_size=out_size,
            in_channels=spec.in_channels,
            out_channels=spec.out_channels,
        )
        shortcut += (down,)
    return BlockLayers(main=main, shortcut=shortcut, act=act)


def _pool(spec: BlockShape) -> BlockLayers:
    if spec.out_channels != spec.in_channels:
        raise InputError(f"a {spec.kind} keeps its channels, got {spec.key}")
    how = {"max_pool": "max", "avg_pool": "global"}[spec.kind]
    pool = Pool(
        name="pool",
        how=how,
        in_size=spec.in_size,
        channels=spec.in_channels,
        stride=spec.stride,
    )
    return BlockLayers(main=(pool,))


def _classifier(spec: BlockShape) -> BlockLayers:
    if spec.in_size != 1:
        raise InputError(f"a classifier takes a 1x1 feature map, got {spec.key}")
    linear = Linear(name="linear", in_channels=spec.in_channels, out_channels=spec.out_channels)
    return BlockLayers(main=(linear,))


_BUILDERS = {
    "stem": _conv_block,
    "mbconv": _mbconv,
    "bottleneck": _bottleneck,
    "max_pool": _pool,
    "final_expand": _conv_block,
    "avg_pool": _pool,
    "feature_mix": _conv_block,
    "classifier": _classifier,
}
