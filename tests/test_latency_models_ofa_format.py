"""OFA's look-up tables: keys of both styles, files, and published sums."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import FileError, InputError
from bench.spec import BlockSpec, Target
from latency_models.ofa_format import from_ofa, key_of, parse_key, to_ofa
from latency_models.table import LatencyTable, frame_of

TARGET = Target(device="note10", backend="tflite", backend_version="unknown")
WIDE = "expanded_conv-input:10x10x136-output:10x10x136-expand:408-kernel:5-stride:1-idskip:1"


def test_mobilenet_style_gives_hidden_channels() -> None:
    found = parse_key(WIDE + "-se:1-hs:1", wide=True)

    assert found == BlockSpec(
        kind="mbconv",
        in_size=10,
        in_channels=136,
        mid_channels=408,
        out_channels=136,
        kernel=5,
        act="hswish",
        se=104,  # 408 / 4 = 102, to a multiple of 8
        residual=True,
    )


def test_proxyless_style_gives_the_ratio() -> None:
    key = "expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:7-stride:2-idskip:0"

    found = parse_key(key, wide=False)

    assert (found.mid_channels, found.act, found.se, found.stride) == (48, "relu6", 0, 2)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("Conv-input:224x224x3-output:112x112x24", "stem"),
        ("Conv_1-input:7x7x192-output:7x7x1152", "final_expand"),
        ("AvgPool2D-input:7x7x1152-output:1x1x1152", "avg_pool"),
        ("Conv_2-input:1x1x1152-output:1x1x1536", "feature_mix"),
        ("Logits-input:1x1x1536-output:1000", "classifier"),
    ],
)
def test_other_keys_there_and_back(key: str, kind: str) -> None:
    spec = parse_key(key, wide=True)

    assert spec.kind == kind
    assert key_of(spec) == key


@given(
    shape=st.tuples(st.integers(2, 64), st.integers(1, 40), st.integers(2, 6)),
    kernel=st.sampled_from((3, 5, 7)),
    stride=st.sampled_from((1, 2)),
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_keys_there_and_back(
    shape: tuple[int, int, int], kernel: int, stride: int, flags: tuple[bool, bool]
) -> None:
    size, channels, expand = shape
    out = (size - 1) // stride + 1
    key = (
        f"expanded_conv-input:{size}x{size}x{channels}-output:{out}x{out}x{channels}"
        f"-expand:{channels * expand}-kernel:{kernel}-stride:{stride}-idskip:{int(stride == 1)}"
        f"-se:{int(flags[0])}-hs:{int(flags[1])}"
    )

    assert key_of(parse_key(key, wide=True)) == key


@settings(max_examples=50)
@given(text=st.text(max_size=80))
def test_any_other_text_is_no_key(text: str) -> None:
    with pytest.raises(InputError):
        parse_key(text, wide=True)


def written(tmp_path: Path, text: str, name: str = "a.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


STEM = "Conv-input:224x224x3-output:112x112x24:\n  count: 100\n  mean: 2.0\n  std: 0.5\n"


def test_figures_and_their_interval(tmp_path: Path) -> None:
    table = from_ofa([written(tmp_path, STEM + f"{WIDE}-se:0-hs:0:\n  mean: 1.5\n")], TARGET)

    assert table.rows["latency_ms"].tolist() == [2.0, 1.5]
    assert table.rows["high_ms"][0] == pytest.approx(2 + 1.96 * 0.5 / 10)
    assert table.rows["high_ms"].isna().tolist() == [False, True]


def test_a_block_in_two_files_gets_the_mean(tmp_path: Path) -> None:
    one = written(tmp_path, STEM)
    two = written(tmp_path, STEM.replace("2.0", "4.0"), "b.yaml")

    assert from_ofa([one, two], TARGET).rows["latency_ms"].tolist() == [3.0]


def test_a_table_there_and_back(tmp_path: Path) -> None:
    made = from_ofa([written(tmp_path, STEM + f"{WIDE}-se:1-hs:1:\n  mean: 1.5\n")], TARGET)

    back = from_ofa([written(tmp_path, to_ofa(made), "b.yaml")], TARGET)

    assert back.specs == made.specs
    assert back.rows["latency_ms"].tolist() == made.rows["latency_ms"].tolist()


def test_blocks_that_the_format_cannot_name_are_told() -> None:
    pool = BlockSpec(kind="max_pool", in_size=8, in_channels=8, out_channels=8, kernel=3)
    table = LatencyTable(target=TARGET, provenance={}, rows=frame_of([pool], latency_ms=[1.0]))

    with pytest.raises(InputError, match="cannot name max_pool"):
        to_ofa(table)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("{[", "line 1"),
        ("Conv-input:224x224x3-output:112x112x24:\n  mean: fast\n", "line 2 holds no number"),
        ("Conv-input:224x224x3-output:112x112x24:\n  count: 3\n", "expected ms above 0"),
        ("Conv-input:224x224x3-output:112x112x24:\n  mean: -1\n", "expected ms above 0"),
        ("Pool-input:224x224x3-output:112x112x24:\n  mean: 1\n", "unknown operation"),
        (f"{STEM}{WIDE}-se:0-hs:0:\n  mean: 1\n{WIDE}:\n  mean: 1\n", "another style"),
        (f"{WIDE.replace('output:10x10', 'output:9x9')}:\n  mean: 1\n", "output of 9 px"),
    ],
)
def test_other_files_are_one_clear_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FileError, match=told) as caught:
        from_ofa([written(tmp_path, text)], TARGET)

    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(FileError, match="no OFA look-up table"):
        from_ofa([path], TARGET)


def test_published_network_sums_as_published(shared_data: Path) -> None:
    from supernet.published import read_networks

    table = from_ofa([shared_data / "note10" / "224_lookup_table.yaml"], TARGET)
    published = read_networks(shared_data / "ofa_specialized.json", [])
    (network,) = [one for one in published if one.name.startswith("note10_lat-30ms")]

    total = sum(table.lookup(block) for block in network.blocks)

    # 29.97 ms is the sum that the table's authors had.
    assert total == pytest.approx(29.97, abs=0.005)


def test_tables_hold_the_blocks_of_their_space(shared_data: Path) -> None:
    from supernet.space import SearchSpace

    space = SearchSpace.load("ofa-mbv3-w1.2")
    for path in sorted((shared_data / "note10").glob("*.yaml")):
        resolution = int(path.name.split("_")[0])
        assert set(from_ofa([path], TARGET).specs) == set(space.unique_blocks([resolution]))


def test_proxyless_table_is_read(shared_data: Path) -> None:
    table = from_ofa([shared_data / "pixel1_proxyless_lut.yaml"], TARGET)
    text = (shared_data / "pixel1_proxyless_lut.yaml").read_text()

    assert len(table) == sum(not line.startswith(" ") for line in text.splitlines())
    assert json.dumps(table.provenance["source"]) == '"pixel1_proxyless_lut.yaml"'
