"""The latency predictor that people use from Python: what it takes, gives, and refuses."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.errors import FileError, InputError
from bench.protocol.target import Target
from latency_models.fitting import fit_predictor
from latency_models.tables.networks import NetworksTable
from latency_models.tables.table import LatencyTable, frame_of
from ofabench.cli import main as cli
from ofabench.options.fit import FitOptions
from ofabench.workflows.latency.fit import fit
from ofabench.workflows.latency.predictor import (
    LatencyPredictor,
    load_predictor,
)
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")
MINE = SearchSpace.from_toml(TINY.text.replace('name = "tiny"', 'name = "mine"'))
TARGET = Target(device="box", backend="onnx", backend_version="1")
ARCHS = list(dict.fromkeys(TINY.sample(np.random.default_rng(0), 60)))[:40]
MS = np.array([0.1 + sum(block.macs for block in TINY.blocks(arch)) / 1e6 for arch in ARCHS])
FRAME = TINY.to_frame(ARCHS).assign(box_ms=MS)
SPACE = FitOptions(space="tiny")
COLUMNS = len(TINY.columns)


def blocks_table(every: int = 2, **provenance: Any) -> LatencyTable:
    """Blocks of `tiny` at 24 px, some of the elastic ones, each of 1 ms for a million MACs."""
    of_size = TINY.unique_blocks([24])
    specs = [spec for spec in of_size if spec.kind != "mbconv"]
    specs += [spec for spec in of_size if spec.kind == "mbconv"][::every]
    ms = np.array([0.001 + spec.macs / 1e6 for spec in specs])
    return LatencyTable(
        target=TARGET, provenance=provenance, rows=frame_of(specs, latency_ms=ms, cold_ms=ms)
    )


@pytest.fixture(scope="module")
def predictor() -> LatencyPredictor:
    """Fitted on the first twenty networks."""
    return fit(networks=FRAME[:20], options=SPACE)


@pytest.fixture(scope="module")
def of_blocks() -> LatencyPredictor:
    return fit(blocks_table(space="tiny"))


@pytest.fixture(scope="module")
def categories() -> LatencyPredictor:
    """Fitted on sums of 1 and 2 ms for `a`, 10 and 20 ms for `b`."""
    rows = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5)
    ms = rows[:, 0] + 1 + 10 * (rows[:, 1] + 1)
    frame = pd.DataFrame({"a0": rows[:, 0], "a1": rows[:, 1], "box_ms": ms.astype(float)})
    return fit(networks=frame, options=FitOptions(space="onehot"))


def test_every_kind_of_input_gives_the_same_predictions(of_blocks: LatencyPredictor) -> None:
    codes = TINY.encode(ARCHS)
    result = of_blocks.predict(ARCHS)

    assert result.ms.shape == result.std_ms.shape == result.extrapolated.shape == (40,)
    kinds = (tuple(ARCHS), codes, codes.astype(np.int64), FRAME, NetworksTable.of_frame(FRAME))
    for given in (*kinds, (arch for arch in ARCHS)):
        again = of_blocks.predict(given)  # type: ignore[arg-type]
        assert again.ms.tolist() == result.ms.tolist()
        assert again.std_ms.tolist() == result.std_ms.tolist()
        assert again.extrapolated.tolist() == result.extrapolated.tolist()
        assert again.extrapolated_parts == result.extrapolated_parts
    (latency_ms,) = of_blocks.predict(ARCHS[7]).ms
    assert latency_ms == result.ms[7]


def test_vectorized_predictions_equal_those_by_blocks(
    of_blocks: LatencyPredictor,
) -> None:
    codes = TINY.sample_codes(np.random.default_rng(2), 300)
    archs = TINY.decode(codes)

    result = of_blocks.predict(codes)

    each = of_blocks.block_predictor.predict_each([TINY.blocks(arch) for arch in archs])
    assert result.ms.tolist() == [item.ms for item in each]
    assert result.std_ms.tolist() == [item.std_ms for item in each]
    assert result.extrapolated.tolist() == [bool(item.extrapolated) for item in each]
    keys = [tuple(block.key for block in item.extrapolated) for item in each]
    assert list(result.extrapolated_parts) == keys
    keys = [tuple(block.key for block in item.unmeasured) for item in each]
    assert list(result.unmeasured) == keys
    assert 0 < result.extrapolated.sum() < 300


def test_predictions_are_those_of_the_command(
    of_blocks: LatencyPredictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, archs = tmp_path / "p.parquet", tmp_path / "a.jsonl"
    of_blocks.save(path)
    archs.write_text("\n".join(TINY.to_line(arch) for arch in ARCHS))
    capsys.readouterr()

    assert cli.main(["predict", str(path), "--archs", str(archs)]) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    result = load_predictor(path).predict(ARCHS)
    assert result.ms.tolist() == [line["latency_ms"] for line in lines]
    assert result.std_ms.tolist() == [line["std_ms"] for line in lines]
    assert result.extrapolated.tolist() == [bool(line["extrapolated"]) for line in lines]
    assert [list(keys) for keys in result.unmeasured] == [line["unmeasured"] for line in lines]
    assert any(result.extrapolated)
    assert not all(result.extrapolated)


def test_predictions_of_categories_are_those_of_the_command(
    categories: LatencyPredictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, archs = tmp_path / "p.parquet", tmp_path / "a.jsonl"
    categories.save(path)
    archs.write_text('{"a0": 0, "a1": 1}\n{"a0": 5, "a1": 1}\n')
    capsys.readouterr()

    assert cli.main(["predict", str(path), "--archs", str(archs)]) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    result = load_predictor(path).predict(np.array([[0, 1], [5, 1]]))
    assert result.ms.tolist() == [line["latency_ms"] for line in lines]
    assert result.ms[0] == pytest.approx(21, rel=0.02)
    assert result.extrapolated.tolist() == [False, True]
    assert result.extrapolated_parts == ((), ("a0=5",))
    assert np.isnan(result.std_ms).all()
    frame = pd.DataFrame({"a1": [1.0], "other": ["x"], "a0": [0]})
    assert load_predictor(path).predict(frame).ms.tolist() == result.ms[:1].tolist()


def test_predictions_as_tables_and_words(of_blocks: LatencyPredictor) -> None:
    result = of_blocks.predict(ARCHS[:3])

    assert result.frame.columns.tolist() == [
        *TINY.columns,
        "latency_ms",
        "std_ms",
        "extrapolated",
    ]
    assert result.frame["latency_ms"].tolist() == result.ms.tolist()
    assert TINY.from_frame(result.frame) == ARCHS[:3]
    data = result.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["target"] == TARGET.key
    assert data["networks"][1]["latency_ms"] == result.ms[1]
    low, high = result.ms.min(), result.ms.max()
    assert repr(result).startswith(f"Predictions of 3 networks on {TARGET.key}: {low:.4g} to")
    assert f"{high:.4g} ms" in repr(result)
    assert result._repr_html_().count("<tr>") == 3  # rows; the head has a style
    assert repr(of_blocks.predict(ARCHS[0])).startswith("Predictions of 1 network on")


class Unrelated:
    pass


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        (
            Unrelated(),
            "networks are a Unrelated, expected ArchConfigs, an array of codes of",
        ),
        (["a", "b"], "networks are a list of str, expected ArchConfigs"),
        ("a.jsonl", "networks are a str, expected"),
        ([], "got no network"),
        (np.zeros((2, 3), dtype=int), rf"shape \(2, 3\), expected \(networks, {COLUMNS}\)"),
        (np.zeros(COLUMNS, dtype=int), rf"shape \({COLUMNS},\), expected \(networks, {COLUMNS}\)"),
        (np.zeros((2, COLUMNS)), "codes are float64, expected whole numbers, as int16"),
        (np.zeros((2, COLUMNS), dtype=bool), "codes are bool, expected whole numbers"),
        (np.zeros((0, COLUMNS), dtype=int), "got no network"),
        (np.full((1, COLUMNS), 70_000), "resolution of network 0 is"),
        (TINY.encode(ARCHS[:1]).astype(np.int64) + 65_536, "resolution of network 0 is"),
        (FRAME.drop(columns="d1"), "'d1' is missing"),
        (FRAME[:0], "got no network"),
        (FRAME.assign(d1=0.5), "column 'd1' is 0.5 in row 0, expected a whole number"),
    ],
)
def test_other_networks_are_refused_with_what_was_expected(
    predictor: LatencyPredictor, networks: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        predictor.predict(networks)


def test_categories_refuse_architectures_and_other_shapes(categories: LatencyPredictor) -> None:
    with pytest.raises(
        InputError, match=r"networks are a list, and the predictor is of categories.*2\)"
    ):
        categories.predict(ARCHS)
    with pytest.raises(InputError, match=r"shape \(1, 3\), expected \(networks, 2\)"):
        categories.predict(np.zeros((1, 3), dtype=int))
    with pytest.raises(InputError, match="lacks the column 'a1'"):
        categories.predict(pd.DataFrame({"a0": [1]}))
    with pytest.raises(InputError, match="expected a latency predictor of blocks"):
        assert categories.block_predictor


def test_a_predictor_has_a_text_with_its_properties(
    predictor: LatencyPredictor, categories: LatencyPredictor, tmp_path: Path
) -> None:
    predictor.save(tmp_path / "p.parquet")
    categories.save(str(tmp_path / "c.parquet"))
    p, c = load_predictor(tmp_path / "p.parquet"), load_predictor(str(tmp_path / "c.parquet"))

    assert (p.space, p.columns) == (TINY, tuple(TINY.columns))
    assert (c.space, c.columns) == (None, ("a0", "a1"))
    assert p.target == predictor.target
    assert p.provenance["networks"]["column"] == "box_ms"
    assert repr(p) == "LatencyPredictor of box/unknown-unknown/fp32/t1/cany/b1: space tiny"
    assert repr(c).endswith(": categories of 2 columns")
    assert p.to_dict()["space"] == "tiny"
    assert c.to_dict() | {"provenance": 0, "target": 0} == {
        "space": "onehot",
        "columns": ["a0", "a1"],
        "provenance": 0,
        "target": 0,
    }
    for item in (p, c):
        json.dumps(item.to_dict(), allow_nan=False)
        assert "leave-one-out error" in item._repr_html_()
    assert p.block_predictor.predict(TINY.blocks(ARCHS[0])).ms == p.predict(ARCHS[0]).ms[0]
    assert c.category_predictor.columns == ("a0", "a1")


def test_other_files_than_predictors_are_refused(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "other.parquet")
    NetworksTable.of_frame(FRAME).save(tmp_path / "n.parquet")
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "n.parquet").read_bytes()[:300])

    for name, item in (
        ("absent.parquet", "cannot read"),
        ("other.parquet", "parquet of another program, expected a latency predictor"),
        ("n.parquet", "is a networks table, expected a latency predictor"),
        ("torn.parquet", "not a readable parquet file"),
    ):
        with pytest.raises(FileError, match=item):
            load_predictor(tmp_path / name)


def test_an_evaluation_is_that_of_the_command(
    predictor: LatencyPredictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    p, n = tmp_path / "p.parquet", tmp_path / "n.csv"
    predictor.save(p)
    FRAME.to_csv(n, index=False)
    argv = ["evaluate", str(p), "--networks", str(n)]
    capsys.readouterr()
    assert cli.main(argv) == 0
    printed = capsys.readouterr().out
    assert cli.main([*argv, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    result = predictor.evaluate(FRAME)

    assert result.to_dict() == data
    assert f"{result}\n" == printed
    for given in (n, str(n), NetworksTable.of_frame(FRAME, "tiny")):
        assert predictor.evaluate(given).to_dict() == data
    assert predictor.evaluate(FRAME, column="box_ms", space="tiny").to_dict() == data


def test_an_evaluation_has_figures_and_a_frame(predictor: LatencyPredictor) -> None:
    result = predictor.evaluate(FRAME)

    assert (len(result), result.figures["fitted_on"], result.column) == (20, 20, "box_ms")
    assert result.frame["measured_ms"].tolist() == MS[20:].tolist()
    assert TINY.from_frame(result.frame) == ARCHS[20:]
    error = result.frame["error"].to_numpy()
    assert error.tolist() == (result.predicted_ms / MS[20:] - 1).tolist()
    assert result.mape == pytest.approx(np.mean(np.abs(error)))
    assert result.within_5 == np.mean(np.abs(error) <= 0.05)
    assert result.within_10 == np.mean(np.abs(error) <= 0.10)
    assert result.bias == pytest.approx(np.median(error))
    assert result.spearman is not None
    assert result.kendall is not None
    assert result.spearman >= result.kendall > 0.8
    assert "20 networks of the table were fitted on: excluded" in str(result)
    assert "ALL of them, so none is held-out" in str(predictor.evaluate(FRAME[:20]))
    html = result._repr_html_()
    # The head, the predictor with and without drift, the constant, and MACs.
    assert html.count("<tr>") == 5
    assert "predictor of box/unknown" in html


def test_categories_are_evaluated(categories: LatencyPredictor) -> None:
    measured = pd.DataFrame({"a0": [0, 1], "a1": [0, 1], "box_ms": [11.0, 22.0]})

    result = categories.evaluate(measured)

    assert result.within_5 == 1
    assert result.to_dict()["macs_alone"] is None
    assert result.frame.columns.tolist() == ["a0", "a1", "measured_ms", "predicted_ms", "error"]
    with pytest.raises(InputError, match="is a predictor of categories, --space onehot; expected"):
        categories.evaluate(measured, space="tiny")


def test_evaluate_refuses_other_inputs_than_tables(predictor: LatencyPredictor) -> None:
    with pytest.raises(
        InputError, match="networks are a list, expected a NetworksTable, its file, or"
    ):
        predictor.evaluate(ARCHS)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="must be one of the table's latencies: none"):
        predictor.evaluate(FRAME.drop(columns="box_ms"))
    with pytest.raises(InputError, match=r"column 'box_ms' is -1.0 in row 0, expected ms above 0"):
        predictor.evaluate(FRAME.assign(box_ms=-1.0))
    with pytest.raises(FileError, match="cannot read"):
        predictor.evaluate("absent.parquet")


def test_warnings_are_logged_and_nothing_is_printed(
    predictor: LatencyPredictor,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    twice = pd.concat([FRAME, FRAME[20:22]])

    with caplog.at_level(logging.WARNING, logger="ofabench"):
        predictor.evaluate(twice)

    (record,) = caplog.records
    assert "2 of 22 rows are networks of earlier rows" in record.getMessage()
    assert capsys.readouterr() == ("", "")


def test_a_space_that_is_not_shipped_goes_with_the_predictor(tmp_path: Path) -> None:
    provenance = {"space_toml": MINE.text}
    table = replace(NetworksTable.of_frame(FRAME[:8], "mine"), provenance=provenance)
    p = tmp_path / "p.parquet"

    fit(networks=table).save(p)

    result = load_predictor(p)
    assert result.space == MINE
    assert "space_toml" not in result.provenance["networks"]  # once is enough
    assert load_predictor(p, space=MINE).space == MINE
    with pytest.raises(InputError, match=r"p.parquet is of the space 'mine', --space tiny is"):
        load_predictor(p, space="tiny")
    smaller = SearchSpace.from_toml(MINE.text.replace("[1, 2, 3]", "[2, 3]", 1))
    with pytest.raises(InputError, match="'mine' with other choices than those of the requested"):
        load_predictor(p, space=smaller)


def test_networks_decide_the_space_where_blocks_are_of_another() -> None:
    table = blocks_table(20, space="mine", space_toml=MINE.text)  # so few need no choice of form
    named = replace(NetworksTable.of_frame(FRAME[:6], "tiny"), targets={"box_ms": TARGET})

    assert fit(table).space == MINE
    assert fit(table, named).space == TINY


def test_files_of_an_older_ofabench_need_their_space(tmp_path: Path) -> None:
    blocks = [TINY.blocks(arch) for arch in ARCHS]
    output = {"space": "mine", "networks": {"space_toml": MINE.text}}
    model = fit_predictor(None, blocks[:8], MS[:8], target=TARGET, provenance=output)
    # The networks that it was fitted on held the space: that is enough.
    assert LatencyPredictor.of(model).space == MINE

    older = LatencyPredictor.of(
        replace(model, provenance={"space": "mine"}), description="old.parquet"
    )
    assert older.space is None
    assert older.columns == ()
    with pytest.raises(InputError, match="is older and has only the name of its space, 'mine'"):
        older.predict(ARCHS)
    with pytest.raises(InputError, match="does not name its space: give it with --space"):
        LatencyPredictor.of(replace(model, provenance={})).predict(ARCHS)
    mended = LatencyPredictor.of(older.block_predictor, MINE)
    assert mended.predict(ARCHS).ms.shape == (40,)
    with pytest.raises(InputError, match="of the space 'mine', the requested space is 'tiny'"):
        LatencyPredictor.of(older.block_predictor, TINY)
