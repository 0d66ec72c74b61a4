"""Small networks of kinds that libraries of image models do not have."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

TOKENS, WORDS = 64, 2000


def own_net(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Return a network and its example inputs; the number in the name is its width."""
    kind, _, width = name.rpartition("_")
    if kind.startswith("vgg"):
        import torchvision

        layers = torchvision.models.get_model(kind, weights=None).features
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 100)]
        return nn.Sequential(layers, *head), (torch.randn(1, 3, int(width), int(width)),)
    if name == "lenet":
        return _lenet(), (torch.randn(1, 1, 28, 28),)
    build, shape = _BUILDERS[kind]
    example = torch.randint(0, WORDS, shape) if kind == "text" else torch.randn(*shape)
    return build(int(width)), (example,)


class UNet(nn.Module):
    """Three levels down and up, with skip connections."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.down = nn.ModuleList(
            [_double(a, b) for a, b in zip([3, *widths], widths, strict=False)]
        )
        self.up = nn.ModuleList([nn.ConvTranspose2d(b, a, 2, 2) for a, b in pairwise(widths)])
        self.merge = nn.ModuleList([_double(2 * a, a) for a in widths[:-1]])
        self.pool, self.head = nn.MaxPool2d(2), nn.Conv2d(width, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for place, block in enumerate(self.down):
            x = block(x if place == 0 else self.pool(x))
            kept.append(x)
        for place in (2, 1, 0):
            x = self.merge[place](torch.cat([self.up[place](x), kept[place]], 1))
        head: Tensor = self.head(x)
        return head


class Recurrent(nn.Module):
    """Two recurrent layers over a sequence, and a classifier of its end."""

    def __init__(self, layer: Any, width: int) -> None:
        super().__init__()
        self.layers, self.head = layer(40, width, 2, batch_first=True), nn.Linear(width, 30)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layers(x)[0][:, -1])
        return logits


class Block(nn.Module):
    """Self-attention and a perceptron, written out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(2, width // 64)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        shape = (batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = self.qkv(self.first(x)).reshape(shape).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
        x = x + self.out((scores @ v).transpose(1, 2).reshape(batch, tokens, width))
        result: Tensor = x + self.mlp(self.second(x))
        return result


class TextEncoder(nn.Module):
    """Token embeddings, four blocks, the mean of tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.places = nn.Parameter(torch.randn(1, TOKENS, width))
        self.blocks, self.norm = nn.Sequential(*map(Block, [width] * 4)), nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        mean: Tensor = self.norm(self.blocks(self.words(tokens) + self.places)).mean(1)
        return mean


def _double(a: int, b: int) -> nn.Module:
    return nn.Sequential(*_conv(nn.Conv2d, a, b, 3), *_conv(nn.Conv2d, b, b, 3))


def _conv(conv: Any, a: int, b: int, kernel: int, *options: int) -> Any:
    """Return a convolution, its batch norm and a ReLU; `options` are stride and groups."""
    stride, groups = (*options, 1, 1)[:2]
    norms = {nn.Conv1d: nn.BatchNorm1d, nn.Conv2d: nn.BatchNorm2d, nn.Conv3d: nn.BatchNorm3d}
    layer = conv(a, b, kernel, stride, kernel // 2, groups=groups, bias=False)
    return layer, norms[conv](b), nn.ReLU()


def _conv1d(width: int) -> nn.Module:
    layers = [*_conv(nn.Conv1d, 1, width, 15, 4)]
    for dilation in range(5):
        layers += _conv(nn.Conv1d, width, width, 5 + 2 * (dilation % 2), 2 if dilation else 1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(width, 20))


def _conv3d(width: int) -> nn.Module:
    layers = [*_conv(nn.Conv3d, 3, width, 3), *_conv(nn.Conv3d, width, 2 * width, 3, 2)]
    layers += _conv(nn.Conv3d, 2 * width, 2 * width, 3, 2)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2 * width, 9))


def _decoder(width: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(64, 16 * width), nn.Unflatten(1, (width, 4, 4))]
    for _ in range(4):
        layers += [nn.ConvTranspose2d(width, width, 4, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, 3, 3, padding=1), nn.Sigmoid())


def _keyword(width: int) -> nn.Module:
    layers = [*_conv(nn.Conv2d, 1, width, 5, 2)]
    for _ in range(4):
        layers += [
            *_conv(nn.Conv2d, width, width, 3, 1, width),
            *_conv(nn.Conv2d, width, width, 1),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 12))


def _mlp(width: int) -> nn.Module:
    sides = [(64, width), (width, width), (width, width)]
    return nn.Sequential(*(m for a, b in sides for m in (nn.Linear(a, b), nn.ReLU())))


def _lenet() -> nn.Module:
    first = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*first, *second, nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10))


_BUILDERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "unet": (UNet, (1, 3, 128, 128)),
    "lstm": (lambda width: Recurrent(nn.LSTM, width), (1, 50, 40)),
    "gru": (lambda width: Recurrent(nn.GRU, width), (1, 50, 40)),
    "text": (TextEncoder, (1, TOKENS)),
    "conv1d": (_conv1d, (1, 1, 4000)),
    "conv3d": (_conv3d, (1, 3, 8, 48, 48)),
    "decoder": (_decoder, (1, 64)),
    "keyword": (_keyword, (1, 1, 49, 40)),
    "mlp": (_mlp, (1, 64)),
}
