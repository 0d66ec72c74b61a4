"""OFA's look-up tables: keys of both styles, files, and published sums."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError
from bench.protocol.target import Target
from latency_models.formats.ofa import from_ofa, to_ofa
from latency_models.formats.ofa_keys import RATIO, key_of, parse_key, squeezed
from latency_models.formats.ofa_keys import WIDE as WIDE_STYLE
from latency_models.tables.table import LatencyTable, frame_of

TARGET = Target(device="note10", backend="tflite", backend_version="unknown")
WIDE = "expanded_conv-input:10x10x136-output:10x10x136-expand:408-kernel:5-stride:1-idskip:1"


def test_mobilenet_style_gives_hidden_channels() -> None:
    spec = parse_key(WIDE + "-se:1-hs:1", wide=True)

    assert spec == BlockSpec(
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

    spec = parse_key(key, wide=False)

    assert (spec.mid_channels, spec.act, spec.se, spec.stride) == (48, "relu6", 0, 2)


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
def test_other_keys_round_trip(key: str, kind: str) -> None:
    spec = parse_key(key, wide=True)

    assert spec.kind == kind
    assert key_of(spec) == key


@given(
    shape=st.tuples(st.integers(2, 64), st.integers(1, 40), st.integers(2, 6)),
    kernel=st.sampled_from((3, 5, 7)),
    stride=st.sampled_from((1, 2)),
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_keys_round_trip(
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


@pytest.mark.slow
@settings(max_examples=50)
@given(text=st.text(max_size=80))
def test_other_texts_are_not_parsed_as_keys(text: str) -> None:
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
    first = written(tmp_path, STEM)
    second = written(tmp_path, STEM.replace("2.0", "4.0"), "b.yaml")

    assert from_ofa([first, second], TARGET).rows["latency_ms"].tolist() == [3.0]


def test_table_round_trip(tmp_path: Path) -> None:
    made = from_ofa([written(tmp_path, STEM + f"{WIDE}-se:1-hs:1:\n  mean: 1.5\n")], TARGET)

    back = from_ofa([written(tmp_path, to_ofa(made), "b.yaml")], TARGET)

    assert back.specs == made.specs
    assert back.rows["latency_ms"].tolist() == made.rows["latency_ms"].tolist()


def test_blocks_without_a_name_in_the_format_are_reported() -> None:
    pool = BlockSpec(kind="max_pool", in_size=8, in_channels=8, out_channels=8, kernel=3)
    table = LatencyTable(target=TARGET, provenance={}, rows=frame_of([pool], latency_ms=[1.0]))

    with pytest.raises(InputError, match="cannot name max_pool"):
        to_ofa(table)


def block(style: str, draw: st.DrawFn) -> BlockSpec:
    """Draw an inverted residual that keys of the style can name."""
    cin, stride = draw(st.integers(1, 400)), draw(st.sampled_from([1, 2]))
    kept = draw(st.booleans()) and stride == 1
    wide = style == WIDE_STYLE
    mid = draw(st.integers(1, 2000)) if wide else cin * draw(st.integers(1, 9))
    return BlockSpec(
        kind="mbconv",
        in_size=draw(st.integers(1, 300)),
        in_channels=cin,
        mid_channels=mid,
        out_channels=cin if kept else draw(st.integers(1, 400)),
        kernel=draw(st.sampled_from([3, 5, 7])),
        stride=stride,
        act=draw(st.sampled_from(["relu", "hswish"])) if wide else "relu6",
        se=squeezed(mid) if wide and draw(st.booleans()) else 0,
        residual=kept,
    )


@st.composite
def tables(draw: st.DrawFn, style: str) -> LatencyTable:
    """Tables of one style: blocks, stem and head, figures of any size, some without intervals."""
    act = "hswish" if style == WIDE_STYLE else "relu6"
    stem = BlockSpec(
        kind="stem", in_size=224, in_channels=3, out_channels=8, kernel=3, stride=2, act=act
    )
    last = BlockSpec(kind="final_expand", in_size=7, in_channels=16, out_channels=32, act=act)
    classifier = BlockSpec(kind="classifier", in_size=1, in_channels=32, out_channels=10)
    blocks = [block(style, draw) for _ in range(draw(st.integers(1, 4)))]
    specs = list(dict.fromkeys([stem, *blocks, last, classifier]))
    ms = draw(st.lists(st.floats(1e-9, 1e6), min_size=len(specs), max_size=len(specs)))
    shares = draw(
        st.lists(
            st.just(float("nan")) | st.floats(0, 0.9), min_size=len(specs), max_size=len(specs)
        )
    )
    replicates = draw(st.lists(st.integers(0, 30), min_size=len(specs), max_size=len(specs)))
    mean, half = np.array(ms), np.array(ms) * np.array(shares)
    rows = frame_of(
        specs, latency_ms=mean, low_ms=mean - half, high_ms=mean + half, loads=replicates
    )
    return LatencyTable(target=TARGET, provenance={}, rows=rows)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), style=st.sampled_from([WIDE_STYLE, RATIO]))
def test_any_table_round_trips_with_its_intervals(
    tmp_path: Path, data: st.DataObject, style: str
) -> None:
    table = data.draw(tables(style))

    back = from_ofa([written(tmp_path, to_ofa(table))], TARGET)

    assert back.specs == table.specs
    assert back.provenance["key_style"] == style
    assert back.rows["latency_ms"].tolist() == table.rows["latency_ms"].tolist()
    width, had = (t.rows["high_ms"] - t.rows["low_ms"] for t in (back, table))
    assert width.tolist() == pytest.approx(had.tolist(), rel=1e-6, abs=1e-6, nan_ok=True)


def test_an_interval_is_written_as_spread_over_runs() -> None:
    spec = parse_key(f"{WIDE}-se:0-hs:0", wide=True)
    rows = frame_of([spec], latency_ms=[2.0], low_ms=[1.902], high_ms=[2.098], loads=[4])
    table = LatencyTable(target=TARGET, provenance={}, rows=rows)

    *head, std = to_ofa(table).splitlines()

    assert head == [f"{WIDE}-se:0-hs:0:", "  count: 4", "  mean: 2.0"]
    assert float(std.removeprefix("  std: ")) == pytest.approx(0.098 / 1.96 * 2)


def test_small_figures_are_numbers_to_yaml_too() -> None:
    spec = parse_key(f"{WIDE}-se:0-hs:0", wide=True)
    table = LatencyTable(target=TARGET, provenance={}, rows=frame_of([spec], latency_ms=[1e-05]))

    # YAML 1.1 takes 1e-05 for text.
    assert to_ofa(table).splitlines()[-1] == "  mean: 1.0e-05"


def relu6(kind: str, in_size: int, cin: int, cout: int, **more: Any) -> BlockSpec:
    act = "none" if kind in ("avg_pool", "classifier") else "relu6"
    return BlockSpec(
        kind=kind, in_size=in_size, in_channels=cin, out_channels=cout, act=act, **more
    )


def ratio_table(*specs: BlockSpec) -> LatencyTable:
    rows = frame_of(specs, latency_ms=[1.0 + at for at in range(len(specs))])
    return LatencyTable(target=TARGET, provenance={}, rows=rows)


def test_the_ratio_style_times_pooling_with_the_classifier() -> None:
    table = ratio_table(
        relu6("mbconv", 14, 16, 24, mid_channels=48, kernel=5, stride=2),
        relu6("avg_pool", 7, 32, 32),
        relu6("classifier", 1, 32, 10),
    )

    assert to_ofa(table).splitlines() == [
        "expanded_conv-input:14x14x16-output:7x7x24-expand:3-kernel:5-stride:2-idskip:0:",
        *("  count: 1", "  mean: 1.0"),
        *("Logits-input:7x7x32-output:10:", "  count: 1", "  mean: 5.0"),  # 2.0 + 3.0
    ]


def test_a_classifier_without_pooling_is_named_after_the_pooled_size() -> None:
    table = ratio_table(relu6("final_expand", 7, 16, 32), relu6("classifier", 1, 32, 10))

    assert "Logits-input:7x7x32-output:10:" in to_ofa(table).splitlines()


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([relu6("mbconv", 7, 16, 24, mid_channels=40)], "40 is no multiple of 16"),
        ([relu6("mbconv", 7, 16, 24, mid_channels=8)], "8 is no multiple of 16"),
        ([relu6("stem", 32, 3, 8, kernel=5, stride=2)], "cannot name stem"),
        ([relu6("stem", 32, 3, 8, kernel=3, stride=2), relu6("avg_pool", 7, 8, 8)], "pooling only"),
        ([relu6("feature_mix", 1, 8, 8)], "cannot name feature_mix"),
    ],
)
def test_blocks_that_the_ratio_style_cannot_express_are_refused(
    specs: list[BlockSpec], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        to_ofa(ratio_table(*specs))

    assert "\n" not in str(caught.value)


def test_squeeze_excite_widths_absent_from_keys_are_refused() -> None:
    spec = parse_key(f"{WIDE}-se:1-hs:1", wide=True)
    other = BlockSpec.parse(spec.key.replace("-se104-", "-se96-"))

    with pytest.raises(InputError, match="they have no such act or se"):
        key_of(other)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), junk=st.text(max_size=8) | st.sampled_from(["nan", "1e999", "-1", ":"]))
def test_damaged_files_give_a_one_line_error_or_a_valid_table(
    tmp_path: Path, data: st.DataObject, junk: str
) -> None:
    text = STEM + f"{WIDE}-se:0-hs:0:\n  count: 9\n  mean: 1.5\n  var: 0.1\n"
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + junk + text[at + data.draw(st.integers(0, 9)) :]
    path = tmp_path / "a.yaml"
    path.write_bytes(damaged.encode(errors="surrogatepass"))

    with contextlib.suppress(FileError):
        table = from_ofa([path], TARGET)
        assert (table.rows["latency_ms"] > 0).all()


SPEC = parse_key("Conv-input:224x224x3-output:112x112x24", wide=False)
KEY, OTHER = "Conv-input:224x224x3-output:112x112x24", f"{WIDE}-se:0-hs:0"


@pytest.mark.parametrize(
    "text",
    [
        f"{KEY}: {{count: 100, mean: 2.0, std: 0.5}}\n",
        f"{{{KEY}: {{count: 100, mean: 2.0, std: 0.5}}}}",
        f"# of a phone\n{KEY}:  # the stem\n  mean: 2.0 # ms\n  count: 100\n  std: 0.5\n",
        f"%YAML 1.2\n---\n{STEM}...\n",
        f"? {KEY}\n: mean: 2.0\n  count: 100\n  std: 0.5\n",
        f"{STEM}  unit: ms\n  median: 1.9\n  samples: [1.9, 2.1]\n",
        f"{KEY}: {{count: 100, mean: 2000, std: 500, unit: us}}\n",
        f"{KEY}: {{count: 100, mean: 2.0e-3, var: 0.25e-6, unit: s}}\n",
        f"{KEY}: {{count: 100, mean: 2e6, std: 5e5, units: ns}}\n",
        f"unit: \u00b5s\n{KEY}: {{count: 100, mean: 2000, std: 500}}\n",
        f"{KEY}: {{count: 1e2, mean: 20e-1, std: 5e-1}}\n",  # texts to YAML 1.1
        f"{KEY}: {{count: '100', mean: '2.0', std: '0.5'}}\n",
        f"'{KEY}': &stem {{count: 100, mean: 2.0, std: 0.5}}\n",
        f"{KEY}: {{mean: &two 2.0, var: 0.25, count: 100, least: *two}}\n",
        json.dumps({KEY: {"count": 100, "mean": 2.0, "std": 0.5}}),
        json.dumps({KEY: {"count": 100, "mean": 2, "var": 0.25}}, indent=1),
        json.dumps({KEY: {"count": 100, "mean": 2, "std": 0.5}}, indent="\t"),
        json.dumps({"unit": "us", KEY: {"count": 100, "mean": 2000, "std": 500}}),
        json.dumps({KEY: {"count": 100, "mean": 2, "std": 0.5}}, separators=(",", ":")),
        STEM.replace("\n", "\r\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_style_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "a.table"
    path.write_bytes(text.encode(encoding))

    table = from_ofa([path], TARGET)

    assert table.specs == (SPEC,)
    assert table.lookup(SPEC) == pytest.approx(2.0)
    # A standard deviation of 0.5 ms in 100 runs: 1.96 * 0.5 / 10.
    assert table.rows["high_ms"][0] == pytest.approx(2.098)


def test_plain_numbers_have_no_interval(tmp_path: Path) -> None:
    table = from_ofa([written(tmp_path, f"{KEY}: 0.5\n{OTHER}: 5e-1\n")], TARGET)

    assert table.rows["latency_ms"].tolist() == [0.5, 0.5]
    assert table.rows["high_ms"].isna().all()


def test_units_of_an_entry_come_before_those_of_the_table(tmp_path: Path) -> None:
    text = f"{KEY}: 2000\n{OTHER}: {{mean: 3, unit: ms}}\nunits: us\n"

    assert from_ofa([written(tmp_path, text)], TARGET).rows["latency_ms"].tolist() == [2.0, 3.0]


def test_documents_aliases_and_merges_are_one_table(tmp_path: Path) -> None:
    text = (
        f"{KEY}: &one {{count: 4, mean: 2.0, std: 1.0}}\n"
        f"{OTHER}: {{<<: *one, mean: 3.0}}\n---\n"
        f"{OTHER.replace('hs:0', 'hs:1')}: 4.0\n"
    )

    table = from_ofa([written(tmp_path, text)], TARGET)

    assert table.rows["latency_ms"].tolist() == [2.0, 3.0, 4.0]
    # 1.96 * 1 / 2 above the means.
    assert table.rows["high_ms"].tolist() == pytest.approx([2.98, 3.98, np.nan], nan_ok=True)


def test_the_parser_in_python_reads_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latency_models.formats.document._LOADER", yaml.SafeLoader)
    tabs = json.dumps({KEY: {"count": 100, "mean": 2, "std": 0.5}}, indent="\t")

    for text in (tabs, STEM, f"{KEY}: {{mean: 2.0}}\n"):
        assert from_ofa([written(tmp_path, text)], TARGET).lookup(SPEC) == 2.0
    with pytest.raises(FileError, match="line 2 is neither YAML nor JSON: it is indented by a tab"):
        from_ofa([written(tmp_path, f"{KEY}:\n\tmean: 2.0\n")], TARGET)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{STEM}{OTHER}: 1\n{STEM}", f"key '{KEY}' twice, in lines 1 and 6"),
        (f"{STEM}---\n{STEM}", "twice, in lines 1 and 6"),
        (json.dumps({KEY: 1})[:-1] + f',\n"{KEY}": 2}}', "twice, in lines 1 and 2"),
        (f"{KEY}: {{mean: 1, mean: 2}}\n", "line 1: .* has 'mean' twice"),
        (f"{KEY}: *other\n", "line 1: the alias [*]other names nothing above"),
        (f"{KEY}: &a {{mean: 1, more: *a}}\n", "names nothing above"),
        (f"{KEY}:\n\tmean: 1\n", "line 2 .* indented by a tab"),
        (f"{KEY}: [1, 2]\n", "line 1: the value of .* is a list, expected a number or"),
        (f"{KEY}:\n", "line 1 holds no number: mean of .* is ''"),
        (f"{KEY}: null\n", "is 'null'"),
        (f"{KEY}: {{mean: 010}}\n", "is '010'"),  # 8 to YAML 1.1
        (f"{KEY}: {{mean: 1:30}}\n", "is '1:30'"),  # 90 to YAML 1.1
        (f"{KEY}: {{mean: 1_000}}\n", "is '1_000'"),
        (f"{KEY}: {{mean: 0x10}}\n", "is '0x10'"),
        (f"{KEY}: {{mean: true}}\n", "is 'true'"),
        (f"{KEY}: {{mean: [1]}}\n", "mean of .* is a list"),
        (f"{KEY}: {{mean: .nan}}\n", "is nan, expected ms above 0"),
        (f"{KEY}: {{mean: 1, unit: min}}\n", "the unit of .* is 'min', expected ns, us, ms or s"),
        (f"unit: jiffies\n{KEY}: 1\n", "line 1: the unit of the table is 'jiffies'"),
        (f"{KEY}: {{mean: 1e13}}\n", "expected ms above 0"),
        (f"{KEY}: {{<<: 3, mean: 1}}\n", "merges '3', no mapping"),
        ("- 1\n- 2\n", "it is a list, expected a mapping of keys to figures; .*fbnet"),
        ("5\n", "it is '5', expected a mapping"),
        ("? [a]\n: 1\n", "line 1 has a list as key"),
        (f"device: pi\n{KEY}: 1\n", "line 1 holds no number: mean of 'device' is 'pi'"),
        ("a: !!python/object/apply:os.system [ls]\n", "line 1 holds an object of a program"),
        ("[" * 100_000, "line 1 is neither YAML nor JSON: exceeded maximum nesting depth|6 levels"),
        ("[" * 9, "line 1: no look-up table has more than 6 levels"),
        ("{a: " * 50, "no look-up table has more than 6 levels"),
        ("[" + "1," * 300_000 + "]", "more than 200000 values"),
        ("#" * 5_000_000, "expected at most 4194304: split it"),
        ("a: \x07\n", "neither YAML nor JSON"),
        ("%YAML 9.0\n--- {}\n", "line 1 is neither YAML nor JSON"),
    ],
)
def test_unreadable_yaml_and_json_give_a_one_line_error(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(FileError, match=message) as caught:
        from_ofa([written(tmp_path, text)], TARGET)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_aliases_of_aliases_never_grow(tmp_path: Path) -> None:
    # Nine levels of nine aliases each would be 9^9 entries if they were copied.
    lines = ["a0: &a0 {mean: 1}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

    with pytest.raises(FileError, match="the value of 'a1' is a list"):
        from_ofa([written(tmp_path, "\n".join(lines))], TARGET)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("{[", "line 1"),
        ("Conv-input:224x224x3-output:112x112x24:\n  mean: fast\n", "line 2 holds no number"),
        ("Conv-input:224x224x3-output:112x112x24:\n  count: 3\n", "expected ms above 0"),
        ("Conv-input:224x224x3-output:112x112x24:\n  mean: -1\n", "expected ms above 0"),
        ("Pool-input:224x224x3-output:112x112x24:\n  mean: 1\n", "unknown operation"),
        (f"{STEM}{WIDE}-se:0-hs:0:\n  mean: 1\n{WIDE}:\n  mean: 1\n", "another style"),
        (f"{WIDE.replace('output:10x10', 'output:9x9')}:\n  mean: 1\n", "output of 9 px"),
        (f"{WIDE.replace('output:10x10', 'output:10x9')}:\n  mean: 1\n", "not of square"),
        (STEM + STEM, "twice"),
        (f"{STEM}  var: -1\n", "var of .* is -1.0, expected 0 or more"),
        (STEM.replace("100", "inf"), "count of .* is inf"),
        (STEM.replace("112x112x24", "110x110x24"), "output of 110 px, not 112"),
        (STEM.replace("24:", "9999999:"), "not a key"),
    ],
)
def test_unreadable_files_give_a_one_line_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileError, match=message) as caught:
        from_ofa([written(tmp_path, text)], TARGET)

    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_text_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(FileError, match="no OFA look-up table"):
        from_ofa([path], TARGET)


def test_published_network_sums_as_published(shared_data: Path) -> None:
    from supernet.published.published import read_networks

    table = from_ofa([shared_data / "note10" / "224_lookup_table.yaml"], TARGET)
    published = read_networks(shared_data / "ofa_specialized.json", [])
    (network,) = [network for network in published if network.name.startswith("note10_lat-30ms")]

    total = sum(table.lookup(block) for block in network.blocks)

    # 29.97 ms is the sum that the table's authors had.
    assert total == pytest.approx(29.97, abs=0.005)


def test_tables_hold_the_blocks_of_their_space(shared_data: Path) -> None:
    from supernet.space.space import SearchSpace

    space = SearchSpace.load("ofa-mbv3-w1.2")
    for path in sorted((shared_data / "note10").glob("*.yaml")):
        resolution = int(path.name.split("_")[0])
        assert set(from_ofa([path], TARGET).specs) == set(space.unique_blocks([resolution]))


def test_proxyless_table_is_read(shared_data: Path) -> None:
    table = from_ofa([shared_data / "pixel1_proxyless_lut.yaml"], TARGET)
    text = (shared_data / "pixel1_proxyless_lut.yaml").read_text()

    assert len(table) == sum(not line.startswith(" ") for line in text.splitlines())
    assert json.dumps(table.provenance["source"]) == '"pixel1_proxyless_lut.yaml"'
