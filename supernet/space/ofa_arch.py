"""Networks as the package `ofa` prints them: `{"ks": [...], "e": [...], "d": [...], "r": [224]}`.

`ks`, `e` are kernels and expand ratios of every block that the space can have, `d` depths by stage,
`r` or `image_size` the side of the images in px, `w` or `wid` widths. As in its
`set_active_subnet`, one number stands for all; a list may also have one value for each stage, or
one for each block that is there. MobileNetV3 and ProxylessNAS have absolute depths, and the last
stage of ProxylessNAS has one block whatever `d` says. ResNet-50 has added depths (0, 1, 2) after
the stem's (2: its middle convolution is there), and `w` holds indices into the width multipliers.
Source: mit-han-lab/once-for-all, `ofa.imagenet_classification.elastic_nn.networks`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.errors import InputError
from bench.files import parse_toml
from supernet.space.arch import ArchConfig
from supernet.space.space import SearchSpace

SIZES = ("r", "image_size", "resolution", "img_size")
_WIDTHS = ("w", "wid")
_KNOWN = ("ks", "e", "d", *SIZES, *_WIDTHS)
_LARGEST = 2**15


def is_ofa_arch(fields: Mapping[Any, Any]) -> bool:
    """Whether the fields of a network are OFA's."""
    return "d" in fields and "e" in fields and "depths" not in fields


def arch_of_ofa(
    fields: Mapping[str, Any], space: SearchSpace, resolution: int | None = None
) -> ArchConfig:
    """The network of `space` that `fields` describe; `InputError` names the field that is wrong.

    `resolution`, px, is used where they have none. Other fields are ignored where they are plain
    values, as an accuracy or a name, and refused where they are lists, which might be choices.
    """
    for name, value in fields.items():
        if name not in _KNOWN and isinstance(value, list | tuple | dict):
            raise InputError(
                f"a network as OFA prints it has a field {name!r:.40} of several values; expected "
                f"only {', '.join(_KNOWN)}"
            )
    depths = _depths(fields, space)
    layout = space.layout
    blocks = [slot for slot, (stage, _) in enumerate(layout.slots)]
    kernels = layout.columns[layout.kernel_start : layout.expand_start]
    if fields.get("ks") is None and all(len(column.values) == 1 for column in kernels):
        sizes = [float(column.values[0]) for column in kernels]  # ResNets have no choice of it
    else:
        sizes = _by_block(fields, "ks", space, depths)
    return space.canonical(
        ArchConfig(
            resolution=_resolution(fields, resolution),
            depths=tuple(depths),
            kernels=tuple(_whole(sizes[slot], "ks") for slot in blocks),
            expands=tuple(_by_block(fields, "e", space, depths)),
            widths=_widths(fields, space),
        )
    )


def _resolution(fields: Mapping[str, Any], default: int | None) -> int:
    found: dict[str, int] = {}
    for name in SIZES:
        value = fields.get(name)
        if isinstance(value, list | tuple):
            if len(value) != 1:
                raise InputError(f"{name} is {value!r:.60}, expected one size in px, as [224]")
            (value,) = value
        if value is not None:
            found[name] = _whole(value, name)
    if len(set(found.values())) > 1:
        told = " and ".join(f"{name} {value}" for name, value in found.items())
        raise InputError(f"the network has {told}, which must be equal; keep one of them")
    if found:
        return next(iter(found.values()))
    if default is None:
        raise InputError(
            "the network has no r, image_size or resolution, the side of its images in px; add one"
        )
    return default


def _depths(fields: Mapping[str, Any], space: SearchSpace) -> list[int]:
    layout = space.layout
    choices = [layout.columns[1 + stage].values for stage in range(layout.depths)]
    elastic = len(choices)
    while elastic > 1 and len(choices[elastic - 1]) == 1:
        elastic -= 1
    value = fields["d"]
    if isinstance(value, list | tuple):
        if len(value) not in {elastic, len(choices)}:
            raise InputError(
                f"d has {len(value)} values, expected {_either(elastic, len(choices))} in "
                f"{space.name}, or one number for all"
            )
        given = [_whole(one, "d") for one in value]
        given += [choices[stage][0] for stage in range(len(given), len(choices))]
    else:
        given = [_whole(value, "d")] * len(choices)
    if space.family == "resnet":
        return _resnet_depths(given, choices, space.name)
    return [
        of_stage[0] if len(of_stage) == 1 else depth
        for depth, of_stage in zip(given, choices, strict=True)
    ]


def _resnet_depths(given: list[int], choices: Sequence[tuple[int, ...]], space: str) -> list[int]:
    """Absolute depths of added ones; the stem's is there by the largest number alone."""
    most = max(of_stage[-1] - of_stage[0] for of_stage in choices[1:])
    depths = [choices[0][-1 if given[0] == most else 0]]
    for stage, (added, of_stage) in enumerate(zip(given[1:], choices[1:], strict=True), start=1):
        if of_stage[0] + added not in of_stage:
            allowed = ", ".join(str(depth - of_stage[0]) for depth in of_stage)
            raise InputError(f"d[{stage}] is {added}, {space} allows {allowed} added blocks")
        depths.append(of_stage[0] + added)
    if not 0 <= given[0] <= most:
        raise InputError(f"d[0] is {given[0]}, {space} allows 0 to {most} for the stem")
    return depths


def _by_block(
    fields: Mapping[str, Any], name: str, space: SearchSpace, depths: Sequence[int]
) -> list[float]:
    """One value for each block that the space can have; 0 where an absent block has none."""
    value = fields.get(name)
    if value is None:
        raise InputError(f"a network of {space.name} as OFA prints it lacks {name}; add it")
    slots = space.layout.slots
    if not isinstance(value, list | tuple):
        return [_number(value, name)] * len(slots)
    numbers = [0.0 if one is None else _number(one, name) for one in value]
    stages = sorted({stage for stage, _ in slots})
    present = [index < depths[stage] for stage, index in slots]
    if len(numbers) == len(slots):
        return numbers
    if len(numbers) == len(stages):
        return [numbers[stages.index(stage)] for stage, _ in slots]
    if len(numbers) == sum(present):
        rest = iter(numbers)
        return [next(rest) if here else 0.0 for here in present]
    raise InputError(
        f"{name} has {len(numbers)} values, expected {len(slots)} (one for each block of "
        f"{space.name}), {len(stages)} (one for each stage), {sum(present)} (one for each block "
        "that d has), or one number for all"
    )


def _widths(fields: Mapping[str, Any], space: SearchSpace) -> tuple[float, ...]:
    layout = space.layout
    name, value = next(
        ((name, fields[name]) for name in _WIDTHS if fields.get(name) is not None), ("w", None)
    )
    if not layout.widths:
        _check_only_width(name, value, space)
        return ()
    if value is None:
        raise InputError(f"a network of {space.name} as OFA prints it lacks w, its widths; add it")
    columns = layout.columns[layout.width_start :]
    values = list(value) if isinstance(value, list | tuple) else [value] * len(columns)
    if len(values) != len(columns):
        raise InputError(
            f"{name} has {len(values)} values, expected {len(columns)} in {space.name}, or one for "
            "all"
        )
    numbers = [_number(one, name) for one in values]
    multipliers = [[code / layout.width_scale for code in column.values] for column in columns]
    if all(number.is_integer() for number in numbers):
        if any(isinstance(one, float) for one in values):
            raise InputError(
                f"{name} is {value!r:.60}, which may be indices or multipliers; write indices as "
                "whole numbers (0, 1, 2)"
            )
        pairs = list(zip(numbers, multipliers, strict=True))
        if all(0 <= number < len(known) for number, known in pairs):
            return tuple(known[int(number)] for number, known in pairs)
        raise InputError(
            f"{name} is {value!r:.60}, expected indices from 0 to {len(multipliers[0]) - 1} into "
            f"the widths {', '.join(f'{one:g}' for one in multipliers[0])}"
        )
    return tuple(numbers)  # multipliers, which the space checks


def _check_only_width(name: str, value: Any, space: SearchSpace) -> None:
    """Accept a width where a space has one: its index 0, or its multiplier."""
    values = value if isinstance(value, list | tuple) else [value]
    multiplier = parse_toml(space.text, space.name).get("width_multiplier", 1.0)
    for one in values:
        index = isinstance(one, int) and not isinstance(one, bool) and one == 0
        if one is not None and not index and _number(one, name) != multiplier:
            raise InputError(
                f"{name} is {value!r:.60}, but {space.name} has one width, {multiplier:g}; give "
                "the --space of the network"
            )


def _number(value: Any, name: str) -> float:
    # Not a number compares false with everything, so it is refused here too.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) <= _LARGEST:
        raise InputError(f"{name} has {value!r:.40}, expected a number")
    return float(value)


def _whole(value: Any, name: str) -> int:
    number = _number(value, name)
    if not number.is_integer():
        raise InputError(f"{name} has {value!r:.40}, expected a whole number")
    return int(number)


def _either(one: int, other: int) -> str:
    return str(one) if one == other else f"{one} or {other}"
