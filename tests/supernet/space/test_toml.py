"""Spaces from a user's TOML: read as the shipped ones are, and wrong fields refused by name."""

import contextlib
import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import FileError, InputError
from supernet.space.space import SearchSpace
from supernet.space.space_keys import KEYS

MBCONV = """\
name = "mine"
family = "mbconv"
in_channels = 4
classes = 7
resolutions = { from = 32, to = 48, step = 8 }
width_multiplier = 0.5
divisor = 4

[stem]
width = 16
kernel = 5
act = "relu"

[first]
width = 24
se = true
act = "relu6"

[[stages]]
width = 40
stride = 2
act = "hswish"
se = true
depths = [2, 4]
kernels = [3, 9]
expands = [1.5, 3]

[head]
final_expand = 64
act = "hswish"
"""
RESNET = """\
name = "mine-too"
family = "resnet"
in_channels = 1
classes = 5
resolutions = [33]
widths = [0.5, 1.0]

[stem]
width = 32
act = "relu"
depths = [1]

[[stages]]
width = 64
stride = 1
act = "relu"
depths = [1, 2]
expands = [0.25, 0.5]
"""


def test_a_user_space_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MBCONV)

    space = SearchSpace.load(path)

    assert (space.name, space.classes, space.in_channels) == ("mine", 7, 4)
    assert space.resolutions == (32, 40, 48)
    assert space.count() == 4**2 + 4**4
    assert [block.key for block in space.blocks(space.smallest())] == [
        "stem-32x4-m0-o8-k5-s2-relu-se0-r0",
        "mbconv-16x8-m8-o12-k3-s1-relu6-se4-r0",  # half of 24; SE takes a quarter of 8, at least 4
        "mbconv-16x12-m20-o20-k3-s2-hswish-se8-r0",  # 12 x 1.5 = 18 -> 20; 20 / 4 = 5 -> 8
        "mbconv-8x20-m32-o20-k3-s1-hswish-se8-r1",  # 20 x 1.5 = 30 -> 32
        "final_expand-8x20-m0-o32-k1-s1-hswish-se0-r0",
        "avg_pool-8x32-m0-o32-k1-s1-none-se0-r0",
        "classifier-1x32-m0-o7-k1-s1-none-se0-r0",
    ]
    assert space.encode([space.smallest()])[0, -4:].tolist() == [150, 150, 0, 0]
    assert SearchSpace.from_toml(space.text) == space


def test_a_user_resnet_is_read_from_its_text() -> None:
    space = SearchSpace.from_toml(RESNET)

    assert space.count() == 2**3 * (2 + 4)  # widths of stem inside, stem and stage; two depths
    assert [block.key for block in space.blocks(space.largest())] == [
        "stem-33x1-m0-o16-k3-s2-relu-se0-r0",
        "stem-17x16-m0-o16-k3-s1-relu-se0-r1",
        "stem-17x16-m0-o32-k3-s1-relu-se0-r0",
        "max_pool-17x32-m0-o32-k3-s2-none-se0-r0",
        "bottleneck-9x32-m32-o64-k3-s1-relu-se0-r1",
        "bottleneck-9x64-m32-o64-k3-s1-relu-se0-r1",
        "avg_pool-9x64-m0-o64-k1-s1-none-se0-r0",
        "classifier-1x64-m0-o5-k1-s1-none-se0-r0",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "mine"\n', "", "name is missing, expected a string"),
        ('"mbconv"', '"vit"', "family is 'vit', expected one of mbconv, resnet"),
        ("family =", "famly =", "family is missing, and there is famly, .* one of mbconv, resnet"),
        ("in_channels = 4", "in_channels = 0", "in_channels is 0, expected a whole number of at"),
        ("classes = 7", "classes = true", "classes is True, expected a whole number of at least 2"),
        ("step = 8", "step = 0", "resolutions is .*, expected a step of at least 1"),
        ("step = 8", "stop = 8", "resolutions is .*, expected whole numbers {from, to, step}"),
        ("to = 48", "to = 8", r"resolutions is \[\], expected a list of whole numbers"),
        ("to = 48", "to = 40000", "resolutions is .* and an end up to 32767"),
        ("multiplier = 0.5", "multiplier = -1.0", "width_multiplier is -1.0, expected a number"),
        ("multiplier = 0.5", "multiplier = nan", "width_multiplier is nan, expected a number"),
        ("divisor = 4", "divisr = 4", r"divisr is an unknown key; did you mean divisor\?"),
        ("kernel = 5", "kernel = 4", "stem.kernel is 4, expected an odd number of at least 1"),
        ("se = true\nact", "se = 1\nact", "first.se is 1, expected true or false"),
        ('"relu6"', '"gelu"', "first.act is 'gelu', expected one of none, relu, relu6, hswish"),
        ("[[stages]]", "[stages]", r"stages is .*, expected at least one table \[\[stages\]\]"),
        ("[first]", "[fist]", r"fist is an unknown key; did you mean first\?"),
        ("[first]", "[other]", "other is an unknown key; expected one of classes, divisor, "),
        ("[2, 4]", "[2, 99]", r"stages\[0\].depths is \[2, 99\], .* at most 32"),
        ("width = 40", 'width = "40"', r"stages\[0\].width is '40', expected a whole number"),
        ("[2, 4]", "[4, 2]", r"stages\[0\].depths is \[4, 2\], expected a list of whole numbers"),
        ("[2, 4]", "[0, 2]", r"stages\[0\].depths is \[0, 2\], .* of at least 1"),
        ("[3, 9]", "[3, 8]", r"stages\[0\].kernels is \[3, 8\], expected a list of odd numbers"),
        ("[3, 9]", "[]", r"stages\[0\].kernels is \[\]"),
        ("[1.5, 3]", "[1.505, 3]", r"stages\[0\].expands is .*, with at most two decimals"),
        (
            "[1.5, 3]",
            "[1, 3]",
            r"stages\[0\].expands is \[1.0, 3.0\], expected ratios that widen 12",
        ),
        ("[1.5, 3]", "[1.5, nan]", r"stages\[0\].expands\[1\] is nan, expected a number above 0"),
        ("[1.5, 3]", "[1.5, inf]", r"stages\[0\].expands\[1\] is inf, expected a number above 0"),
        (
            "final_expand = 64",
            "final = 64",
            r"head.final is an unknown key; did you mean final_expand\?",
        ),
        (
            "final_expand = 64",
            "final_expand = 64\nmix = 3",
            r"head.mix is an unknown key; expected one of act, f",
        ),
        ("[head]", "[head", "is not TOML"),
        ("[3, 9]", "[" * 20_000, "is not TOML"),
    ],
)
def test_a_wrong_field_is_refused_with_its_name(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "mine.toml"
    assert old in MBCONV
    path.write_text(MBCONV.replace(old, new, 1))

    with pytest.raises(InputError, match=message) as caught:
        SearchSpace.load(path)

    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[0.5, 1.0]", "1.0", "widths is 1.0, expected a list of numbers above 0"),
        ("depths = [1]\n", "depths = [2]\n", r"stem.depths is \[2\], expected \[0\], \[1\] or"),
        ("[0.25, 0.5]", "[]", r"stages\[0\].expands is \[\]"),
    ],
)
def test_a_wrong_field_of_a_resnet_is_refused_with_its_name(
    old: str, new: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        SearchSpace.from_toml(RESNET.replace(old, new, 1))


def test_an_unknown_space_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown space 'ofa'; known: ofa-mbv3-w1\.0, .*tiny, or"):
        SearchSpace.load("ofa")


def test_a_missing_or_binary_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot read .*nowhere\.toml"):
        SearchSpace.load(tmp_path / "nowhere.toml")
    binary = tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"b\.toml is not TOML"):
        SearchSpace.load(binary)


def test_a_file_may_not_take_a_shipped_name_for_another_space(tmp_path: Path) -> None:
    same, other = tmp_path / "same.toml", tmp_path / "other.toml"
    tiny = SearchSpace.load("tiny")
    same.write_text("# a copy\n" + tiny.text)
    other.write_text(MBCONV.replace('"mine"', '"tiny"'))

    assert SearchSpace.load(same) == tiny
    with pytest.raises(InputError, match="name is 'tiny', which ofabench ships; rename it"):
        SearchSpace.load(other)


@settings(max_examples=150)
@given(
    at=st.integers(0, len(MBCONV) - 1),
    instead=st.text(alphabet="0123456789-.[]={}\"'\ntrue aeinf_", max_size=4),
    length=st.integers(0, 6),
)
def test_any_damage_is_refused_or_harmless(at: int, instead: str, length: int) -> None:
    text = MBCONV[:at] + instead + MBCONV[at + length :]

    with contextlib.suppress(InputError):
        space = SearchSpace.from_toml(text)
        space.blocks(space.largest())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # An unknown key comes before a missing one, wherever either is.
        ('name = "mine"\n', 'nmae = "mine"\n', r"nmae is an unknown key; did you mean name\?"),
        ("classes = 7\n", "", "classes is missing"),
        ("depths = [2, 4]", "depth = [2, 4]", r"stages\[0\].depth is an unknown .* mean depths\?"),
        ("depths = [2, 4]", "dephts = 3", r"stages\[0\].dephts is an unknown .* mean depths\?"),
        ("kernel = 5", "kernels = [5]", r"stem.kernels is an unknown key; did you mean kernel\?"),
        ("[[stages]]", "[[stage]]", r"stage is an unknown key; did you mean stages\?"),
        ("divisor = 4", "widths = [1]", "widths is an unknown key; expected one of classes, d"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(old: str, new: str, message: str) -> None:
    if "unknown" in message:
        text = MBCONV.replace(old, new, 1).replace("in_channels = 4\n", "", 1)  # missing as well
    else:
        text = MBCONV.replace("classes = 7\n", "", 1)
    with pytest.raises(InputError, match=message):
        SearchSpace.from_toml(text)


@pytest.mark.parametrize(("family", "text"), [("mbconv", MBCONV), ("resnet", RESNET)])
def test_the_reference_lists_exactly_the_keys_that_are_read(family: str, text: str) -> None:
    """Required keys are missed, others are not, and each is accepted with a value of its kind."""
    values: dict[str, object] = {
        "norm_eps": 1e-3, "divisor": 4, "width_multiplier": 0.5, "kernel": 5, "stride": 2,
        "se": True, "kernels": [3, 5], "depths": [1], "feature_mix": 32,
    }  # fmt: skip
    document = tomllib.loads(text)
    document["resolutions"] = [32]
    for table, keys in KEYS[family].items():
        for key in keys:
            for value in (None, values.get(key.name)):
                changed = copy.deepcopy(document)
                where: Any = changed[table] if table else changed
                where = where[0] if isinstance(where, list) else where
                where.pop(key.name, None)
                if value is not None:
                    where[key.name] = value
                if value is None and key.default is None:
                    with pytest.raises(InputError, match=f"{key.name} is missing"):
                        SearchSpace.from_toml(_toml(changed))
                else:
                    SearchSpace.from_toml(_toml(changed))


def test_the_page_on_spaces_has_every_key() -> None:
    page = Path("docs/reference/spaces.md").read_text(encoding="utf-8")
    for family, tables in KEYS.items():
        part = page.partition(f"## {family}")[2].partition("\n## ")[0]
        shared = page.partition("## Every space")[2].partition("\n## ")[0]
        for keys in tables.values():
            for key in keys:
                default = "required" if key.default is None else key.default
                row = f"| `{key.name}` | {key.values} | {default} | {key.meaning} |"
                assert row in part or row in shared


def _toml(values: dict[str, Any]) -> str:
    """The document as TOML: its values are written as in JSON, except tables."""
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lists = {key: value for key, value in values.items() if key == "stages"}
    lines = [f"{k} = {json.dumps(v)}" for k, v in values.items() if k not in {**tables, **lists}]
    for key, table in [*tables.items(), *(("stages", stage) for stage in values["stages"])]:
        lines.append(f"[[{key}]]" if key in lists else f"[{key}]")
        lines += [f"{k} = {json.dumps(v)}" for k, v in table.items()]
    return "\n".join(lines)
