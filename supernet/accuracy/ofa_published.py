"""Accuracy predictor published by OFA's authors: ImageNet accuracy of their MobileNetV3 space.

A network of 128-400-400-400-1 with ReLU between. Its inputs are one-hot: 3 kernels for each of 20
blocks, 3 expansions for each, and 8 resolutions, (r - 112) // 16, so that some resolutions share an
input (208 and 220); those of an absent block are 0. As in the code and tutorial of OFA's authors
(mit-han-lab/once-for-all, Apache-2.0). It predicts accuracy on 10,000 images of their own choice
from the training set, which is higher than on the validation set: on 1,000 networks with measured
ImageNet accuracy (gatech-sysml/compofa) by 6.06 points, with 0.33 points (RMSE) left once that is
taken off, and Kendall's tau is 0.771.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.blocks.spec import BlockSpec
from bench.digests import file_digest
from bench.errors import FileError, InputError
from supernet.space.coded_space import CodedSpace, blocks_of
from supernet.space.codes import Codes

TRAINED_ON, ALSO_FOR = "ofa-mbv3-w1.0", "ofa-mbv3-w1.2"
LAYERS = {"0": (400, 128), "2": (400, 400), "4": (400, 400), "6": (1, 400)}
KERNELS, EXPANDS, RESOLUTIONS = (3, 5, 7), (3, 4, 6), tuple(range(112, 225, 16))
BLOCKS, DEPTHS = 20, 5
COLUMNS = (
    "resolution",
    *(f"d{stage}" for stage in range(DEPTHS)),
    *(f"ks{block}" for block in range(BLOCKS)),
    *(f"e{block}" for block in range(BLOCKS)),
)
_ROWS_AT_ONCE = 512  # fits the caches: 4096 take a quarter longer

Floats = NDArray[np.float32]

# Column of the code for each input, and the value that sets it; for a resolution its index.
_FIRST = 1 + DEPTHS
_SOURCES = np.array([*np.repeat(np.arange(_FIRST, len(COLUMNS)), 3), *[0] * len(RESOLUTIONS)])
_VALUES = np.array([*KERNELS * BLOCKS, *EXPANDS * BLOCKS, *range(len(RESOLUTIONS))], dtype=np.int16)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfaPublished:
    """Predictor with `weights[i]` (in, out) and `biases[i]` (out,) of layer i, float32."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    file: str
    sha256: str

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the authors' torch file; `FileError` where it is another file."""
        return cls.read(path, read_arrays(path))

    @classmethod
    def read(cls, path: Path, state: Mapping[str, NDArray[Any]]) -> Self:
        """Build the predictor from a file's state; `FileError` where it is another file's."""
        _check(path, state)
        weights = [np.ascontiguousarray(state[f"{layer}.weight"].T, np.float32) for layer in LAYERS]
        return cls(
            weights=tuple(weights),
            biases=tuple(state[f"{layer}.bias"].astype(np.float32) for layer in LAYERS),
            file=path.name,
            sha256=file_digest(path),
        )

    def predict(self, codes: Codes) -> NDArray[np.float64]:
        """Accuracies of encoded networks, fractions (n,); `InputError` for codes of no network."""
        if codes.ndim != 2 or codes.shape[1] != len(COLUMNS):
            raise InputError(
                f"codes of shape {codes.shape} were given to OFA's accuracy predictor, which "
                f"takes those of {TRAINED_ON}, of {len(COLUMNS)} columns"
            )
        accuracies = np.empty(len(codes))
        for start in range(0, len(codes), _ROWS_AT_ONCE):
            chunk = slice(start, start + _ROWS_AT_ONCE)
            accuracies[chunk] = self._evaluate(one_hot(codes[chunk]))
        return accuracies

    def _evaluate(self, inputs: Floats) -> Floats:
        x = inputs
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = x @ weight
            x += bias
            np.maximum(x, 0, out=x)
        outputs: Floats = x @ self.weights[-1][:, 0] + self.biases[-1]
        return outputs

    def check_space(self, space: CodedSpace) -> None:
        """Raise `InputError` unless `space` has OFA's MobileNetV3 layout and blocks."""
        fits = tuple(space.columns) == COLUMNS and any(
            blocks_of(space) <= _shipped_blocks(name) for name in (TRAINED_ON, ALSO_FOR)
        )
        if not fits:
            raise InputError(
                f"OFA's accuracy predictor {self.file} knows {TRAINED_ON} (and orders {ALSO_FOR}), "
                f"the search is in {space.name}; fit one for it with `ofabench accuracy`"
            )

    def known_resolutions(self, resolutions: Sequence[int]) -> list[int]:
        """Return all resolutions: those between two multiples of 16 share an input."""
        return list(resolutions)

    def describe(self) -> str:
        """Describe the predictor in one line."""
        return (
            f"{self.file}: ImageNet accuracy by OFA's authors, trained on {TRAINED_ON} and on "
            f"other images (about 6 points too high); for {ALSO_FOR} only the ranking is valid"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the provenance of accuracies, for the file of a search result."""
        return {
            "kind": "ofa-published",
            "file": self.file,
            "sha256": self.sha256,
            "space": TRAINED_ON,
            "resolutions": list(RESOLUTIONS),
            "cross_validation": None,
            "note": self.describe(),
        }


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the state dict of a torch file as arrays; `FileError` as `read_state`."""
    from supernet.weights.torch_file import read_state

    tensors = read_state(path).tensors
    return {name: _array(path, name, tensor) for name, tensor in tensors.items()}


def _array(path: Path, name: str, tensor: Any) -> NDArray[Any]:
    try:
        array: NDArray[Any] = tensor.detach().numpy()
    except (TypeError, RuntimeError) as error:  # bfloat16, sparse, ...
        raise FileError(
            f"{name} of {path} is {tensor.dtype} in the layout {tensor.layout}, expected a plain "
            "tensor of float32; save the predictor's state dict again after `.float()`"
        ) from error
    return array


def one_hot(codes: Codes) -> Floats:
    """Return inputs (n, 128) of codes (n, 46); `InputError` for the first invalid code."""
    values = codes.take(_SOURCES, axis=1)
    values[:, -len(RESOLUTIONS) :] = (values[:, -len(RESOLUTIONS) :] - RESOLUTIONS[0]) >> 4
    hot = values == _VALUES
    if np.count_nonzero(hot) != len(codes) + np.count_nonzero(codes[:, _FIRST:]):
        expected = 1 + np.count_nonzero(codes[:, _FIRST:], axis=1)
        wrong = codes[np.count_nonzero(hot, axis=1) != expected][0]
        raise InputError(
            f"OFA's accuracy predictor has no input for the code {wrong.tolist()}: it knows the "
            f"kernels {KERNELS}, expansions {EXPANDS} and resolutions of 112 to 239"
        )
    inputs: Floats = hot.astype(np.float32)
    return inputs


@lru_cache(maxsize=2)
def _shipped_blocks(name: str) -> set[BlockSpec]:
    from supernet.space.space import SearchSpace

    return blocks_of(SearchSpace.load(name))


def _check(path: Path, state: Mapping[str, NDArray[Any]]) -> None:
    shapes: dict[str, tuple[int, ...]] = {}
    shapes |= {f"{layer}.weight": shape for layer, shape in LAYERS.items()}
    shapes |= {f"{layer}.bias": shape[:1] for layer, shape in LAYERS.items()}
    hint = "expected OFA's published accuracy predictor, layers 0, 2, 4, 6 of 128-400-400-400-1"
    if missing := sorted(shapes.keys() - state.keys()):
        raise FileError(f"{path} has no {missing[0]}; {hint}")
    if extra := sorted(state.keys() - shapes.keys()):
        raise FileError(f"{path} also has {extra[0]}; {hint}")
    for name, shape in shapes.items():
        array = state[name]
        if array.shape != shape:
            raise FileError(f"{name} of {path} has the shape {array.shape}, not {shape}; {hint}")
        if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
            raise FileError(f"{name} of {path} has values that are not numbers; {hint}")
