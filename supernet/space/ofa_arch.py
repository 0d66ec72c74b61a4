"""Read networks as `ofa` prints them: `{"ks": [...], "e": [...], "d": [...], "r": [224]}`.

`ks`, `e` are kernels and expand ratios of every possible block, `d` depths by stage, `r` or
`image_size` the image size in px, `w` or `wid` widths. As in OFA's `set_active_subnet`, a single
number applies to all; a list may also have a value per stage, or per present block. MobileNetV3 and
ProxylessNAS have absolute depths, and the last stage of ProxylessNAS has one block for any `d`.
ResNet-50 has added depths (0, 1, 2) after that of the stem (2: with its middle convolution), and
`w` holds indices of width multipliers.
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
    """Return whether the fields of a network are OFA's."""
    return "d" in fields and "e" in fields and "depths" not in fields


def arch_of_ofa(
    fields: Mapping[str, Any], space: SearchSpace, resolution: int | None = None
) -> ArchConfig:
    """Return the network of `space` that `fields` describe; `InputError` names the wrong field.

    `resolution`, in px, is the default resolution. Other fields are ignored where they are single
    values, such as an accuracy or a name, and refused where they are lists, which may be choices.
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
    sizes: dict[str, int] = {}
    for name in SIZES:
        value = fields.get(name)
        if isinstance(value, list | tuple):
            if len(value) != 1:
                raise InputError(f"{name} is {value!r:.60}, expected a single size in px, as [224]")
            (value,) = value
        if value is not None:
            sizes[name] = _whole(value, name)
    if len(set(sizes.values())) > 1:
        listed = " and ".join(f"{name} {value}" for name, value in sizes.items())
        raise InputError(f"the network has {listed}, which must be equal; keep one of them")
    if sizes:
        return next(iter(sizes.values()))
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
        given = [_whole(depth, "d") for depth in value]
        given += [choices[stage][0] for stage in range(len(given), len(choices))]
    else:
        given = [_whole(value, "d")] * len(choices)
    if space.family == "resnet":
        return _resnet_depths(given, choices, space.name)
    return [
        stage_choices[0] if len(stage_choices) == 1 else depth
        for depth, stage_choices in zip(given, choices, strict=True)
    ]


def _resnet_depths(given: list[int], choices: Sequence[tuple[int, ...]], space: str) -> list[int]:
    """Convert added depths to absolute ones; only the largest number selects the full stem."""
    largest = max(stage_choices[-1] - stage_choices[0] for stage_choices in choices[1:])
    depths = [choices[0][-1 if given[0] == largest else 0]]
    for stage, (added, stage_choices) in enumerate(
        zip(given[1:], choices[1:], strict=True), start=1
    ):
        if stage_choices[0] + added not in stage_choices:
            allowed = ", ".join(str(depth - stage_choices[0]) for depth in stage_choices)
            raise InputError(f"d[{stage}] is {added}, {space} allows {allowed} added blocks")
        depths.append(stage_choices[0] + added)
    if not 0 <= given[0] <= largest:
        raise InputError(f"d[0] is {given[0]}, {space} allows 0 to {largest} for the stem")
    return depths


def _by_block(
    fields: Mapping[str, Any], name: str, space: SearchSpace, depths: Sequence[int]
) -> list[float]:
    """Return a value for each possible block; 0 for absent blocks without one."""
    value = fields.get(name)
    if value is None:
        raise InputError(f"a network of {space.name} as OFA prints it lacks {name}; add it")
    slots = space.layout.slots
    if not isinstance(value, list | tuple):
        return [_number(value, name)] * len(slots)
    numbers = [0.0 if element is None else _number(element, name) for element in value]
    stages = sorted({stage for stage, _ in slots})
    present = [index < depths[stage] for stage, index in slots]
    if len(numbers) == len(slots):
        return numbers
    if len(numbers) == len(stages):
        return [numbers[stages.index(stage)] for stage, _ in slots]
    if len(numbers) == sum(present):
        remaining = iter(numbers)
        return [next(remaining) if is_present else 0.0 for is_present in present]
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
    numbers = [_number(element, name) for element in values]
    multipliers = [[code / layout.width_scale for code in column.values] for column in columns]
    if all(number.is_integer() for number in numbers):
        if any(isinstance(element, float) for element in values):
            raise InputError(
                f"{name} is {value!r:.60}, which may be indices or multipliers; write indices as "
                "whole numbers (0, 1, 2)"
            )
        pairs = list(zip(numbers, multipliers, strict=True))
        if all(0 <= number < len(choices) for number, choices in pairs):
            return tuple(choices[int(number)] for number, choices in pairs)
        raise InputError(
            f"{name} is {value!r:.60}, expected indices from 0 to {len(multipliers[0]) - 1} into "
            f"the widths {', '.join(f'{element:g}' for element in multipliers[0])}"
        )
    return tuple(numbers)  # multipliers, which the space checks


def _check_only_width(name: str, value: Any, space: SearchSpace) -> None:
    """Accept the width of a space without elastic widths: index 0, or its multiplier."""
    values = value if isinstance(value, list | tuple) else [value]
    multiplier = parse_toml(space.text, space.name).get("width_multiplier", 1.0)
    for width in values:
        index = isinstance(width, int) and not isinstance(width, bool) and width == 0
        if width is not None and not index and _number(width, name) != multiplier:
            raise InputError(
                f"{name} is {value!r:.60}, but {space.name} has one width, {multiplier:g}; give "
                "the --space of the network"
            )


def _number(value: Any, name: str) -> float:
    # NaN compares false with everything, so it is also refused here.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) <= _LARGEST:
        raise InputError(f"{name} has {value!r:.40}, expected a number")
    return float(value)


def _whole(value: Any, name: str) -> int:
    number = _number(value, name)
    if not number.is_integer():
        raise InputError(f"{name} has {value!r:.40}, expected a whole number")
    return int(number)


def _either(first: int, second: int) -> str:
    return str(first) if first == second else f"{first} or {second}"
