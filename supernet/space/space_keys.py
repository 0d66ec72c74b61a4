"""Every key of a space's TOML, for the reference and for misspelt keys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from bench.blocks.layers import NORM_EPS
from bench.blocks.shape import ACTS
from bench.errors import InputError

_ACTS = ", ".join(ACTS)
_WIDTH = "whole number, at least 1"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: the values that it takes, what it means, and its default (None if required)."""

    name: str
    values: str
    meaning: str
    default: str | None = None


_COMMON = (
    Key("name", "text", "name of the space, in archs files and tables"),
    Key("family", "mbconv, resnet", "kind of the elastic blocks; decides the tables below"),
    Key("in_channels", _WIDTH, "channels of an image: 3 for colour, 1 for grey"),
    Key("classes", "whole number, at least 2", "outputs of the classifier"),
    Key(
        "resolutions",
        "ascending whole numbers, at least 4; or {from, to, step}",
        "sides of the images, in pixels",
    ),
    Key("norm_eps", "number above 0", "added to the variance in batch norms", f"{NORM_EPS:g}"),
    Key("divisor", _WIDTH, "widths are rounded to a multiple of it, never below 90 %", "8"),
)
_STRIDE = "stride of the first block; the others have 1"
_STAGE = (
    Key("width", _WIDTH, "channels that its blocks give"),
    Key("stride", _WIDTH, _STRIDE),
    Key("act", _ACTS, "activation"),
    Key("se", "true, false", "squeeze-and-excitation in its blocks", "false"),
    Key("depths", "ascending whole numbers, 1 to 32", "numbers of blocks to choose from"),
)
_MBCONV_STAGE = (
    *_STAGE,
    Key("kernels", "ascending odd numbers", "sides of the depthwise convolution"),
    Key(
        "expands",
        "ascending numbers, at most two decimals",
        "hidden channels over input channels; the smallest must widen the block's input and output",
    ),
)
_RESNET_STAGE = (
    *_STAGE,
    Key("kernels", "ascending odd numbers", "sides of the middle convolution", "[3]"),
    Key("expands", "ascending numbers, at most two decimals", "hidden channels over `width`"),
)
_STEM = (
    Key("width", _WIDTH, "channels of the first convolution"),
    Key("kernel", "odd number", "its side", "3"),
    Key("stride", _WIDTH, "its stride", "2"),
    Key("act", _ACTS, "its activation"),
)

Tables = Mapping[str, Sequence[Key]]
KEYS: Mapping[str, Tables] = {
    "mbconv": {
        "": (*_COMMON, Key("width_multiplier", "number above 0", "times every width", "1.0")),
        "stem": _STEM,
        "first": (
            Key("width", _WIDTH, "channels of the fixed block after the stem"),
            Key("kernel", "odd number", "its side", "3"),
            Key("stride", _WIDTH, "its stride", "1"),
            Key("act", _ACTS, "its activation"),
            Key("se", "true, false", "squeeze-and-excitation in it", "false"),
        ),
        "stages": _MBCONV_STAGE,
        "head": (
            Key("final_expand", _WIDTH, "channels of the last convolution, before pooling"),
            Key("act", _ACTS, "activation of the head"),
            Key("feature_mix", _WIDTH, "channels of a layer after pooling", "no such layer"),
        ),
    },
    "resnet": {
        "": (
            *_COMMON,
            Key(
                "widths",
                "ascending numbers above 0, at most two decimals",
                "width multipliers to choose from: for the stem twice, and for each stage",
            ),
        ),
        "stem": (
            Key("width", _WIDTH, "channels of the stem; half of it inside"),
            Key("stride", _WIDTH, "stride of its first convolution", "2"),
            Key("act", _ACTS, "its activation"),
            Key("depths", "[0], [1] or [0, 1]", "middle convolution absent or present", "[0, 1]"),
        ),
        "stages": _RESNET_STAGE,
    },
}


def check_keys(data: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` for the first key that no space has, with the nearest that one has."""
    family = data.get("family")
    tables = [KEYS[family]] if isinstance(family, str) and family in KEYS else [*KEYS.values()]
    known: dict[str, set[str]] = {}
    for one in tables:
        for table, keys in one.items():
            known.setdefault(table, set()).update(key.name for key in keys)
            if table:
                known[""].add(table)
    for path, table, found in _tables(data, known):
        for name in found:
            if name not in known[table]:
                raise unknown(where, f"{path}{name}", name, sorted(known[table]))


def unknown(where: str, path: str, name: str, known: Sequence[str]) -> InputError:
    """Make the error of an unknown key, which names the nearest known one."""
    near = get_close_matches(name, known, n=1)
    near += [one for one in known if one.startswith(name) or name.startswith(one)]
    advice = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
    return InputError(f"{where}: {path} is an unknown key; {advice}")


def reference() -> str:
    """Return all keys as text, one a line, by family and table."""
    lines = []
    for family, tables in KEYS.items():
        for table, keys in tables.items():
            heading = {"": "every space of it", "stages": "[[stages]], one or more"}
            lines.append(f"\n{family}, {heading.get(table, f'[{table}]')}:")
            for key in keys:
                default = "required" if key.default is None else f"default {key.default}"
                lines.append(f"  {key.name:16} {key.meaning}")
                lines.append(f"  {'':16}   {key.values}; {default}")
    return "\n".join(lines).strip() + "\n"


def _tables(
    data: Mapping[str, Any], known: Mapping[str, set[str]]
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each table of a document: its path before a key, its name, and its values."""
    yield "", "", data
    for table in known:
        value = data.get(table) if table else None
        if isinstance(value, dict):
            yield f"{table}.", table, value
        elif isinstance(value, list):
            for place, one in enumerate(value):
                if isinstance(one, dict):
                    yield f"{table}[{place}].", table, one
