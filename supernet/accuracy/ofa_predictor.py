"""Accuracy predictors of the package `ofa` in its newer format (its class `AccuracyPredictor`).

Fully connected layers with ReLU between, by default 3 of 400; the last layer has no bias, and
`base_acc`, a scalar, is added to its output. Inputs are one-hot, in the order of the package's
encoders: MobileNetV3 and ProxylessNAS have the image sizes, the kernel of every block, then the
expand ratio of every block; ResNet-50 has the image sizes, whether the stem has its middle
convolution, the width of the stem's two parts and of every stage, then the expand ratio of every
block.
Inputs of an absent block are all 0. Source: mit-han-lab/once-for-all (Apache-2.0),
`ofa.nas.accuracy_predictor`; tests/supernet/accuracy/test_ofa_peer.py compares with that package.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.digests import file_digest
from bench.errors import FileError, InputError
from supernet.space.coded_space import CodedSpace, column_values
from supernet.space.codes import Codes
from supernet.space.space import SearchSpace

# Image sizes that the package or its examples use, identified by their number: files do not name
# them.
MOBILE_SIZES = ((224,), (128, 160, 192, 224), tuple(range(128, 225, 4)))
RESNET_SIZES = (*MOBILE_SIZES, (128, 144, 160, 176, 192, 224, 240, 256))
KNOWN_SIZES: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "ofa-mbv3-w1.0": MOBILE_SIZES,
    "ofa-proxyless-w1.3": MOBILE_SIZES,
    "ofa-resnet50d": RESNET_SIZES,
}
_ROWS_AT_ONCE = 512
_HIDDEN = re.compile(r"layers\.(\d+)\.0\.weight")

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHot:
    """One-hot encoding of a space's codes: input i is 1 where column `columns[i]` is `values[i]`.

    `always` are the columns that are never 0; the others are 0 for absent blocks.
    """

    space: str
    sizes: tuple[int, ...]
    columns: NDArray[np.intp]
    values: NDArray[np.int16]
    always: NDArray[np.intp]

    @classmethod
    def of(cls, name: str, sizes: Sequence[int]) -> Self:
        """Return the encoding of the shipped space `name` at the image sizes `sizes`."""
        layout = SearchSpace.load(name).layout
        kernels, expands = (list(range(g.start, g.stop)) for g in layout.groups)
        widths = list(range(layout.width_start, len(layout.columns)))
        if widths:  # only ResNet's space has widths; its first depth is that of the stem
            order, always = [1, *widths, *expands], [0, 1, *widths]
        else:
            order, always = [*kernels, *expands], [0]
        pairs = [(0, size) for size in sizes]
        pairs += [(column, value) for column in order for value in layout.columns[column].values]
        table = np.array(pairs, dtype=np.int64)
        return cls(
            space=name,
            sizes=tuple(sizes),
            columns=table[:, 0].astype(np.intp),
            values=table[:, 1].astype(np.int16),
            always=np.array(always, dtype=np.intp),
        )

    def __call__(self, codes: Codes) -> Floats:
        """Return inputs (n, inputs) of codes (n, columns).

        Raises `InputError` where a code has no input.
        """
        hot = codes.take(self.columns, axis=1) == self.values
        read = np.unique(self.columns)
        needed = codes.take(read, axis=1) != 0
        needed[:, np.isin(read, self.always)] = True
        wrong = np.flatnonzero(hot.sum(axis=1) != needed.sum(axis=1))
        if len(wrong):
            code = codes[wrong[0]].tolist()
            raise InputError(
                f"the accuracy predictor has no input for the code {code}: it is of {self.space} "
                f"at {_listed(self.sizes)} px"
            )
        inputs: Floats = hot.astype(np.float32)
        return inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class OfaPredictor:
    """Predictor with `weights[i]` (in, out) of layer i, and `biases` of all layers but the last."""

    encode: OneHot
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    base: float
    file: str
    sha256: str

    @classmethod
    def read(cls, path: Path, state: Mapping[str, NDArray[Any]], sizes: Sequence[int] = ()) -> Self:
        """Build the predictor from a file's state; `FileError` or `InputError` where it is invalid.

        `sizes` are the image sizes of its encoder; without them, they are inferred from the number
        of inputs.
        """
        layers = _layers(path, state)
        weights = [state[f"layers.{i}.0.weight"] for i in range(layers)]
        weights.append(state[f"layers.{layers}.weight"])
        return cls(
            encode=_encoder(path, weights[0].shape[1], tuple(sizes)),
            weights=tuple(np.ascontiguousarray(weight.T, np.float32) for weight in weights),
            biases=tuple(state[f"layers.{i}.0.bias"].astype(np.float32) for i in range(layers)),
            base=float(state["base_acc"][0]),
            file=path.name,
            sha256=file_digest(path),
        )

    def predict(self, codes: Codes) -> NDArray[np.float64]:
        """Return accuracies of encoded networks, fractions (n,); `InputError` for invalid codes."""
        columns = len(_shipped(self.encode.space).columns)
        if codes.ndim != 2 or codes.shape[1] != columns:
            raise InputError(
                f"codes of shape {codes.shape} were given to an accuracy predictor of "
                f"{self.encode.space}, whose codes have {columns} columns"
            )
        accuracies = np.empty(len(codes))
        for start in range(0, len(codes), _ROWS_AT_ONCE):
            chunk = slice(start, start + _ROWS_AT_ONCE)
            x = self.encode(codes[chunk])
            for weight, bias in zip(self.weights[:-1], self.biases, strict=True):
                x = x @ weight
                x += bias
                np.maximum(x, 0, out=x)
            accuracies[chunk] = x @ self.weights[-1][:, 0] + np.float32(self.base)
        return accuracies

    def check_space(self, space: CodedSpace) -> None:
        """Raise `InputError` unless `space` has the same choices as the inputs."""
        shipped = _shipped(self.encode.space)
        columns = len(shipped.columns)
        if len(space.columns) != columns or (
            column_values(space.choices, columns)[1:] != column_values(shipped.choices, columns)[1:]
        ):
            raise InputError(
                f"the accuracy predictor {self.file} is for the choices of {self.encode.space}, "
                f"the search is in {space.name}; fit one for it with `ofabench accuracy`"
            )

    def known_resolutions(self, resolutions: Sequence[int]) -> list[int]:
        """Return those of `resolutions`, px, that have an input; `InputError` for none."""
        known = [size for size in resolutions if size in self.encode.sizes]
        if not known:
            raise InputError(
                f"the accuracy predictor {self.file} knows images of {_listed(self.encode.sizes)} "
                f"px, the search is at {_listed(resolutions)}; search at one that both have"
            )
        return known

    def describe(self) -> str:
        """Describe the predictor in one line."""
        return (
            f"{self.file}: accuracy by a predictor of the package ofa, of {self.encode.space} or a "
            f"space with the same choices, at {_listed(self.encode.sizes)} px; the file does not "
            "say on which images"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the provenance of accuracies, for the file of a search result."""
        return {
            "kind": "ofa-predictor",
            "file": self.file,
            "sha256": self.sha256,
            "space": self.encode.space,
            "resolutions": list(self.encode.sizes),
            "cross_validation": None,
            "note": self.describe(),
        }


def is_ofa_predictor(state: Mapping[str, Any]) -> bool:
    """Return whether a state dict has the newer format."""
    return "base_acc" in state or any(name.startswith("layers.") for name in state)


def _layers(path: Path, state: Mapping[str, NDArray[Any]]) -> int:
    """Check names, shapes and values; return the number of layers before the last."""
    layers = sum(_HIDDEN.fullmatch(name) is not None for name in state)
    names = [f"layers.{i}.0.{part}" for i in range(layers) for part in ("weight", "bias")]
    names += [f"layers.{layers}.weight", "base_acc"]
    hint = (
        "expected a predictor of the package ofa: layers.0.0.weight, layers.0.0.bias, ..., a last "
        "layers.N.weight without bias, and base_acc"
    )
    if missing := [name for name in names if name not in state] or (not layers and names):
        raise FileError(f"{path} has no {missing[0]}; {hint}")
    if extra := sorted(state.keys() - set(names)):
        raise FileError(f"{path} also has {extra[0]}; {hint}")
    for name in names:
        values = state[name]
        if not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
            raise FileError(f"{name} of {path} has values that are not finite numbers; {hint}")
    first = state["layers.0.0.weight"]
    inputs = first.shape[1] if first.ndim == 2 else 0
    for name in names:
        out = len(state[name]) if state[name].ndim else 0
        if name == "base_acc":
            expected: tuple[int, ...] = (1,)
        elif name.endswith("bias"):
            expected = (inputs,)
        else:
            expected = (1 if name == names[-2] else out, inputs)
            inputs = out
        if state[name].shape != expected:
            raise FileError(
                f"{name} of {path} has the shape {state[name].shape}, not {expected}; {hint}"
            )
    return layers


def _encoder(path: Path, inputs: int, sizes: tuple[int, ...]) -> OneHot:
    """Return the encoding, by space and image sizes, that has `inputs` inputs."""
    counts = {name: len(OneHot.of(name, ()).columns) for name in KNOWN_SIZES}
    for name, usual in KNOWN_SIZES.items():
        for known_sizes in (sizes,) if sizes else usual:
            if counts[name] + len(known_sizes) == inputs:
                return OneHot.of(name, known_sizes)
    listed = ", ".join(f"{count} of {name}" for name, count in counts.items())
    if sizes:
        raise InputError(
            f"{path} has {inputs} inputs, of which {len(sizes)} are the image sizes given; "
            f"expected one for each size and besides {listed}"
        )
    raise InputError(
        f"{path} has {inputs} inputs, expected {listed}, and one per image size; name the sizes "
        "of its encoder behind the file, as ofa:FILE@128,160,192,224"
    )


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))


@lru_cache(maxsize=4)
def _shipped(name: str) -> SearchSpace:
    return SearchSpace.load(name)
