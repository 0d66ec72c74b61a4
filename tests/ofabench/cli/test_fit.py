"""`ofabench fit`, `evaluate` and `predict` on a sweep of the fake device."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from latency_models.tables.table import LatencyTable
from ofabench.cli import main as cli
from ofabench.workflows.latency.predictor import load_predictor
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, its networks, and two predictors: p of both, b of blocks alone."""
    folder = tmp_path_factory.mktemp("fit")
    names = {item: str(folder / item) for item in ("s.sqlite", "t.parquet", "n.parquet")}
    sweep = ["sweep", "--space", "tiny", "--device", "fake", "--backend", "fake"]
    more = ["--blocks", "100", "--networks", "30", "--out", names["s.sqlite"]]
    assert cli.main([*sweep, *more]) == 0
    out = ["--out", names["t.parquet"], "--networks-out", names["n.parquet"]]
    assert cli.main(["table", "build", names["s.sqlite"], *out]) == 0
    fit = ["fit", names["t.parquet"]]
    assert cli.main([*fit, "--out", str(folder / "b.parquet")]) == 0
    networks = ["--networks", names["n.parquet"], "--out", str(folder / "p.parquet")]
    assert cli.main([*fit, *networks]) == 0
    return folder


Fails = Callable[..., str]


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Fails:
    def run(*argv: object) -> str:
        """Run a command that must exit 2 with one line; return the line."""
        capsys.readouterr()
        try:
            code: object = cli.main([str(item) for item in argv])
        except SystemExit as stopped:  # argparse's way to refuse
            code = stopped.code
        output = capsys.readouterr()
        assert code == 2
        assert output.out == ""
        assert len(output.err.strip().splitlines()) == 1
        return output.err

    return run


def evaluated(
    files: Path, capsys: pytest.CaptureFixture[str], predictor: str, *more: str
) -> dict[str, Any]:
    capsys.readouterr()
    argv = ["evaluate", str(files / predictor), "--networks", str(files / "n.parquet"), *more]
    assert cli.main([*argv, "--json"]) == 0
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    return data


@pytest.mark.slow
def test_fit_prints_its_choices(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = files / "again.parquet"
    argv = ["fit", str(files / "t.parquet"), "--networks", str(files / "n.parquet")]

    assert cli.main([*argv, "--out", str(out)]) == 0

    output = capsys.readouterr().out
    assert "mbconv" in output
    assert "calibration" in output
    first, second = LatencyPredictor.load(out), LatencyPredictor.load(files / "p.parquet")
    assert first.composition == second.composition


@pytest.mark.slow
def test_evaluate_prints_every_baseline(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = evaluated(files, capsys, "p.parquet")

    assert output["n"] == 30
    assert output["within_5"] > output["plain_sum"]["within_5"]
    assert output["within_10"] > output["best_constant"]["within_10"]
    assert output["spearman"] > 0.98
    assert output["macs_alone"]["fitted_on"] == "training networks"
    assert 0 < output["repeatability"]["median"] < 0.1
    # Blocks and networks are of one sweep, of one session: there is no drift between them.
    assert output["drift"]["source"] == "anchor networks"
    assert output["drift"]["workloads"] == 5
    assert output["drift"]["ratio"] == pytest.approx(1.0)
    assert output["drift_corrected"]["within_5"] == output["within_5"]
    # Some of the blocks were not swept.
    assert 0 < output["extrapolated"] <= 1


def test_a_predictor_of_blocks_is_compared_with_a_scaled_baseline(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = evaluated(files, capsys, "b.parquet")

    assert output["macs_alone"]["fitted_on"] == "judged networks"
    assert output["mape"] == pytest.approx(output["plain_sum"]["mape"])


def test_drift_between_two_sweeps_is_corrected(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = NetworksTable.load(files / "n.parquet")
    column = networks.column_or_only(None)
    slower = {name: 1.2 * ms for name, ms in networks.provenance["references"].items()}
    frame = networks.frame.assign(**{column: 1.2 * networks.frame[column]})
    provenance = {**networks.provenance, "references": slower}
    replace(networks, frame=frame, provenance=provenance).save(tmp_path / "n.parquet")
    argv = ["evaluate", str(files / "p.parquet"), "--networks", str(tmp_path / "n.parquet")]

    assert cli.main([*argv, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    assert data["drift"]["ratio"] == pytest.approx(1.2)
    assert data["bias"] == pytest.approx(1 / 1.2 - 1, abs=0.02)
    assert data["drift_corrected"]["bias"] == pytest.approx(0, abs=0.02)


def test_evaluate_for_people(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["evaluate", str(files / "p.parquet"), "--networks", str(files / "n.parquet")]

    assert cli.main(argv) == 0

    output = capsys.readouterr().out
    for word in ("predictor", "plain sum", "best constant", "MACs alone", "repeatability"):
        assert word in output


@pytest.mark.slow
def test_a_predictor_can_be_fitted_to_networks_only(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.parquet"

    assert cli.main(["fit", "--networks", str(files / "n.parquet"), "--out", str(out)]) == 0

    networks = NetworksTable.load(files / "n.parquet")
    measured = networks.latencies_ms(networks.column_or_only(None))
    blocks = [TINY.blocks(arch) for arch in TINY.from_frame(networks.frame)]
    predicted = LatencyPredictor.load(out).predict_many(blocks)
    assert np.mean(np.abs(predicted / measured - 1)) < 0.05


def test_predict_prints_one_line_per_network(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archs = TINY.sample(np.random.default_rng(0), 3)
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(TINY.to_line(arch) for arch in archs) + "\n\n")
    capsys.readouterr()

    assert cli.main(["predict", str(files / "p.parquet"), "--archs", str(path)]) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    predictor = LatencyPredictor.load(files / "p.parquet")
    assert [line["latency_ms"] for line in lines] == [
        predictor.predict(TINY.blocks(arch)).ms for arch in archs
    ]
    assert all(line["space"] == "tiny" for line in lines)


@pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed"
)
def test_plot_is_written(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluated(files, capsys, "p.parquet", "--plot", str(tmp_path / "p.png"))

    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_of_another_kind_is_refused_before_the_evaluation(files: Path, fails: Fails) -> None:
    both = (files / "p.parquet", "--networks", files / "absent.parquet")

    assert "x.gif is not a chart's name" in fails("evaluate", *both, "--plot", files / "x.gif")


def test_plot_without_matplotlib_names_the_extra(
    files: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", _without_matplotlib)
    both = (files / "p.parquet", "--networks", files / "n.parquet")

    assert "pip install 'ofabench[report]'" in fails("evaluate", *both, "--plot", files / "x.png")
    assert not (files / "x.png").exists()


FIND_SPEC = importlib.util.find_spec


def _without_matplotlib(name: str, package: str | None = None) -> object:
    return None if name == "matplotlib" else FIND_SPEC(name, package)


@pytest.mark.slow
def test_implausible_networks_give_warnings(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = NetworksTable.load(files / "n.parquet")
    column = networks.column_or_only(None)
    frame = networks.frame.drop(columns=column.replace("_ms", "_spread"))
    p, plain, odd = files / "p.parquet", tmp_path / "n.csv", tmp_path / "odd.csv"
    frame.convert_dtypes().to_csv(plain, index=False)
    doubled = pd.concat([frame, frame.iloc[:2]])
    doubled.assign(**{column: doubled[column] * 1000}).astype("float64").to_csv(odd, index=False)
    judge = ["evaluate", str(p), "--space", "tiny", "--networks"]
    fit = ["fit", str(files / "t.parquet"), "--space", "tiny", "--out", str(tmp_path / "x.parquet")]
    capsys.readouterr()

    for argv, other in (([*judge], "the predictor"), ([*fit, "--networks"], "the sums of blocks")):
        assert cli.main([*argv, str(plain)]) == 0
        assert capsys.readouterr().err == ""
        assert cli.main([*argv, str(odd)]) == 0
        twice, unit = capsys.readouterr().err.splitlines()
        assert twice.startswith("ofabench: warning: 2 of 32 rows are networks of earlier rows")
        assert unit.startswith(f"ofabench: warning: latencies of {column!r}: they look like micro")
        assert unit.endswith(f"times that of {other}")


@pytest.mark.slow
def test_fit_refuses(files: Path, tmp_path: Path, fails: Fails) -> None:
    t, n, out = files / "t.parquet", files / "n.parquet", tmp_path / "p.parquet"
    to = ("--out", out)
    other = tmp_path / "other.parquet"
    NetworksTable.load(n).frame.to_parquet(other)
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(t.read_bytes()[:500])

    assert "nothing to fit" in fails("fit", *to)
    assert "give --networks too" in fails("fit", t, "--column", "a_ms", *to)
    assert "not a readable parquet file" in fails("fit", torn, *to)
    assert "expected a latency table" in fails("fit", n, *to)
    assert "expected a networks table" in fails("fit", t, "--networks", t, *to)
    assert "no latency column 'a_ms'" in fails("fit", t, "--networks", n, "--column", "a_ms", *to)
    assert "give it with --space" in fails("fit", "--networks", other, *to)
    assert "unknown space" in fails("fit", "--networks", other, "--space", "huge", *to)
    assert "missing" in fails("fit", "--networks", other, "--space", "ofa-resnet50d", *to)
    assert "cannot write" in fails("fit", t, "--out", tmp_path / "no" / "p.parquet")
    assert not out.exists()


def test_targets_of_table_and_networks_must_agree(
    files: Path, tmp_path: Path, fails: Fails
) -> None:
    networks = NetworksTable.load(files / "n.parquet")
    targets = {name: replace(item, threads=8) for name, item in networks.targets.items()}
    other = tmp_path / "n.parquet"
    replace(networks, targets=targets).save(other)
    out = tmp_path / "p.parquet"

    message = fails("fit", files / "t.parquet", "--networks", other, "--out", out)

    assert "figures of one target" in message
    assert not out.exists()


def test_evaluate_refuses(files: Path, tmp_path: Path, fails: Fails) -> None:
    p, n = files / "p.parquet", files / "n.parquet"
    frame = NetworksTable.load(n).frame
    outside = tmp_path / "outside.parquet"
    frame.assign(resolution=33).to_parquet(outside)
    broken = tmp_path / "broken.parquet"
    column = NetworksTable.load(n).column_or_only(None)
    frame.assign(**{column: np.nan}).to_parquet(broken)
    tiny = ("--space", "tiny")

    assert "expected a latency predictor" in fails("evaluate", n, "--networks", n)
    assert "resolution of network 0 is 33" in fails("evaluate", p, "--networks", outside, *tiny)
    assert "nan in row 0" in fails("evaluate", p, "--networks", broken, *tiny)
    assert "is not a chart's name" in fails(
        "evaluate", p, "--networks", n, "--plot", tmp_path / "p.exe"
    )
    assert "cannot write" in fails(
        "evaluate", p, "--networks", n, "--plot", tmp_path / "no" / "p.png"
    )


def test_predict_refuses(files: Path, tmp_path: Path, fails: Fails) -> None:
    p, archs = files / "p.parquet", tmp_path / "a.jsonl"
    good = TINY.to_line(TINY.smallest())

    assert "cannot read" in fails("predict", p, "--archs", archs)
    for text, item in (
        ("", "holds no network"),
        (f"{good}\n{{}}\n", "line 2"),
        (good.replace("tiny", "huge"), "unknown space"),
        ('{"space": "tiny", "resolution": 1}', "line 1"),
    ):
        archs.write_text(text)
        assert item in fails("predict", p, "--archs", archs)
    archs.write_bytes(b"\xff\xfe")
    assert "not text" in fails("predict", p, "--archs", archs)


def test_networks_are_fitted_with_a_prior(files: Path, tmp_path: Path, fails: Fails) -> None:
    networks = NetworksTable.load(files / "n.parquet")
    few = tmp_path / "few.parquet"
    replace(networks, frame=networks.frame[:6]).save(few)
    out = tmp_path / "w.parquet"
    argv = ["fit", "--networks", str(few), "--prior", str(files / "p.parquet"), "--out", str(out)]

    assert cli.main(argv) == 0

    measured = networks.latencies_ms(networks.column_or_only(None))
    blocks = [TINY.blocks(arch) for arch in TINY.from_frame(networks.frame)]
    predicted = LatencyPredictor.load(out).predict_many(blocks)
    assert np.mean(np.abs(predicted / measured - 1)) < 0.05
    message = fails("fit", files / "t.parquet", "--prior", files / "p.parquet", "--out", out)
    assert "--prior is for fits on --networks alone" in message


@pytest.fixture
def onehot(tmp_path: Path) -> Path:
    """Tables of two devices that add up, a.parquet of one and b.parquet of a slower other."""
    rows = np.random.default_rng(0).integers(0, 4, size=(60, 6))
    costs = np.random.default_rng(1).gamma(2.0, size=(6, 4))
    choices = {f"op{place}": rows[:, place] for place in range(6)}
    ms = costs[np.arange(6), rows].sum(axis=1)
    frame = pd.DataFrame({"arch_id": np.arange(60), **choices, "fast_ms": ms, "slow_ms": 3 * ms})
    frame.drop(columns="slow_ms").to_parquet(tmp_path / "a.parquet")
    frame[:8].drop(columns="fast_ms").to_parquet(tmp_path / "few.parquet")
    frame[8:].drop(columns="fast_ms").to_parquet(tmp_path / "b.parquet")
    return tmp_path


def fit_onehot(onehot: Path, networks: str, out: str, *more: object) -> list[str]:
    argv = ["fit", "--networks", onehot / networks, "--space", "onehot", "--out", onehot / out]
    return [str(item) for item in (*argv, *more)]


def test_categories_are_fitted_judged_and_predicted(
    onehot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(fit_onehot(onehot, "a.parquet", "p0.parquet")) == 0
    output = capsys.readouterr().out
    assert "op0 (4), op1 (4)" in output
    assert "arch_id" not in output
    prior = ("--prior", onehot / "p0.parquet")
    assert cli.main(fit_onehot(onehot, "few.parquet", "p.parquet", *prior)) == 0

    capsys.readouterr()
    both = [str(onehot / "p.parquet"), "--networks", str(onehot / "b.parquet")]
    assert cli.main(["evaluate", *both, "--space", "onehot", "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)
    assert judged["n"] == 52
    assert judged["spearman"] > 0.98
    assert judged["best_constant"]["within_5"] < judged["within_5"]
    assert judged["macs_alone"] is None
    assert cli.main(["evaluate", *both, "--space", "onehot"]) == 0
    assert "best constant" in capsys.readouterr().out

    archs = onehot / "a.jsonl"
    line = {f"op{place}": 1 for place in range(6)}
    archs.write_text(f"{json.dumps(line)}\n\n{json.dumps({**line, 'op3': 9})}\n")
    argv = ["predict", str(onehot / "p.parquet"), "--archs", str(archs), "--space", "onehot"]
    assert cli.main(argv) == 0
    known, unknown = (json.loads(splitline) for splitline in capsys.readouterr().out.splitlines())
    assert known["latency_ms"] > 0
    assert known["extrapolated"] == []
    assert unknown["extrapolated"] == ["op3=9"]
    assert unknown["latency_ms"] > 0


def test_onehot_refuses(onehot: Path, files: Path, fails: Fails) -> None:
    assert cli.main(fit_onehot(onehot, "a.parquet", "p0.parquet")) == 0
    blocks, out = files / "p.parquet", onehot / "x.parquet"
    few, prior = onehot / "few.parquet", onehot / "p0.parquet"
    frame = pd.read_parquet(few)
    frame[["slow_ms"]].to_parquet(onehot / "bare.parquet")
    frame.rename(columns={"op5": "other"}).to_parquet(onehot / "other.parquet")
    archs = onehot / "a.jsonl"
    archs.write_text('{"op0": 1}')
    space = ("--space", "onehot")

    def fit(networks: Path, *more: object) -> str:
        return fails("fit", "--networks", networks, *more, *space, "--out", out)

    assert "expected a predictor of categories" in fit(few, "--prior", blocks)
    assert "no column holds categories" in fit(onehot / "bare.parquet")
    assert "expected those of the networks" in fit(onehot / "other.parquet", "--prior", prior)
    table = ("fit", files / "t.parquet", "--networks", few)
    assert "leave the latency table out" in fails(*table, *space, "--out", out)
    assert "nothing to fit" in fails("fit", *space, "--out", out)
    assert "lacks the column 'op5'" in fails(
        "evaluate", prior, "--networks", onehot / "other.parquet", *space
    )
    assert "expected a latency predictor" in fails(
        "evaluate", prior, "--networks", few, "--space", "tiny"
    )
    assert "op1 is None" in fails("predict", prior, "--archs", archs, *space)
    archs.write_text("[1")
    assert "line 1: not JSON" in fails("predict", prior, "--archs", archs, *space)
    archs.write_text("")
    assert "holds no network" in fails("predict", prior, "--archs", archs, *space)
    assert not out.exists()


def test_a_predictor_of_categories_is_recognised_by_its_file(
    onehot: Path, files: Path, capsys: pytest.CaptureFixture[str], fails: Fails
) -> None:
    assert cli.main(fit_onehot(onehot, "a.parquet", "p.parquet")) == 0
    p, few = str(onehot / "p.parquet"), onehot / "few.parquet"
    archs = onehot / "a.jsonl"
    archs.write_text(json.dumps({f"op{place}": place % 4 for place in range(6)}))

    for argv in (["evaluate", p, "--networks", str(few), "--json"], ["predict", p, "--archs"]):
        more = [str(archs)] if argv[0] == "predict" else []
        capsys.readouterr()
        assert cli.main([*argv, *more]) == 0
        of_itself = capsys.readouterr().out
        assert cli.main([*argv, *more, "--space", "onehot"]) == 0
        assert capsys.readouterr().out == of_itself
    message = fails("evaluate", p, "--networks", few, "--space", "tiny")
    assert message == (
        f"ofabench: {p} is a predictor of categories, --space onehot; expected a latency predictor "
        "for --space tiny: leave --space out\n"
    )
    message = fails("predict", files / "p.parquet", "--archs", archs, "--space", "onehot")
    assert (
        "is a latency predictor of the space 'tiny'; expected a predictor of categories" in message
    )


def test_evaluate_takes_the_space_of_the_predictor(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fails: Fails
) -> None:
    nameless = tmp_path / "n.csv"
    NetworksTable.load(files / "n.parquet").frame.to_csv(nameless, index=False)
    both = [str(files / "p.parquet"), "--networks", str(nameless)]
    capsys.readouterr()

    assert cli.main(["evaluate", *both, "--json"]) == 0
    of_itself = capsys.readouterr().out
    assert cli.main(["evaluate", *both, "--json", "--space", "tiny"]) == 0

    assert capsys.readouterr().out == of_itself
    assert json.loads(of_itself)["n"] == 30
    message = fails("evaluate", *both, "--space", "ofa-resnet50d")
    assert "p.parquet is of the space 'tiny', --space ofa-resnet50d is 'ofa-resnet50d'" in message
    named = ("--networks", files / "n.parquet", "--space", "ofa-resnet50d")
    message = fails("evaluate", files / "p.parquet", *named)
    assert "the networks table is of the space 'tiny', --space ofa-resnet50d is" in message


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictors of a space whose file is gone: b of blocks, p of both, n of networks alone."""
    work, elsewhere = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("elsewhere")
    toml = elsewhere / "mine.toml"
    toml.write_text(TINY.text.replace('name = "tiny"', 'name = "mine"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        sweep = ["sweep", "--space", str(toml), "--device", "fake", "--backend", "fake"]
        few = ["--blocks", "60", "--networks", "20", "--loads", "2", "--passes", "3"]
        assert cli.main([*sweep, *few, "--out", "s.sqlite"]) == 0
        shutil.rmtree(elsewhere)
        tables = ["--out", "T.parquet", "--networks-out", "N.parquet"]
        assert cli.main(["table", "build", "s.sqlite", *tables]) == 0
        assert cli.main(["fit", "T.parquet", "--out", "b.parquet"]) == 0
        networks = ["--networks", "N.parquet"]
        assert cli.main(["fit", "T.parquet", *networks, "--out", "p.parquet"]) == 0
        assert cli.main(["fit", *networks, "--out", "n.parquet"]) == 0
    NetworksTable.load(work / "N.parquet").frame.to_csv(work / "nameless.csv", index=False)
    return work


@pytest.mark.slow
@pytest.mark.parametrize("name", ["b", "p", "n"])
def test_predictors_of_a_custom_space_contain_it(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    predictor, archs = str(own / f"{name}.parquet"), tmp_path / "a.jsonl"
    arch = TINY.smallest()
    named = TINY.to_line(arch).replace('"tiny"', '"mine"')
    archs.write_text(f"{named}\n{json.dumps(arch.to_json())}\n{TINY.to_line(arch)}\n")
    capsys.readouterr()

    for networks in ("N.parquet", "nameless.csv"):
        assert cli.main(["evaluate", predictor, "--networks", str(own / networks), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["n"] == 20
    assert cli.main(["predict", predictor, "--archs", str(archs)]) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["space"] for line in lines] == ["mine", "mine", "tiny"]
    assert len({line["latency_ms"] for line in lines}) == 1
    assert load_predictor(predictor).space == SearchSpace.from_toml(
        TINY.text.replace('name = "tiny"', 'name = "mine"')
    )


def test_an_older_predictor_of_a_custom_space_needs_it(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fails: Fails
) -> None:
    predictor = LatencyPredictor.load(own / "b.parquet")
    older, archs = tmp_path / "older.parquet", tmp_path / "a.jsonl"
    provenance = {k: v for k, v in predictor.provenance.items() if k != "space_toml"}
    replace(predictor, provenance=provenance).save(older)
    text = TINY.text.replace('name = "tiny"', 'name = "mine"')
    toml = tmp_path / "mine.toml"
    toml.write_text(text)
    archs.write_text(json.dumps(TINY.smallest().to_json()))
    judge = ("evaluate", older, "--networks", own / "nameless.csv")

    for argv in (judge, ("predict", older, "--archs", archs)):
        message = fails(*argv)
        assert "is older and has only the name of its space, 'mine': give it with" in message
        assert "of the space 'mine', --space tiny is 'tiny'" in fails(*argv, "--space", "tiny")
        capsys.readouterr()
        assert cli.main([*map(str, argv), "--space", str(toml)]) == 0


@pytest.mark.slow
def test_a_table_without_a_space_gives_a_predictor_without_one(
    own: Path, tmp_path: Path, fails: Fails
) -> None:
    table = LatencyTable.load(own / "T.parquet")
    bare, p = tmp_path / "bare.parquet", tmp_path / "p.parquet"
    replace(table, provenance={}).save(bare)
    assert cli.main(["fit", str(bare), "--out", str(p)]) == 0

    message = fails("evaluate", p, "--networks", own / "nameless.csv")

    assert "the networks table does not name its space, and" in message
    assert ": give it with --space" in message


def test_published_gpu_latencies(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """200 networks order 1,000 others on a public column better than MACs alone."""
    frame = pd.read_parquet(shared_data / "ofa_mbv3_gpu_latency.parquet")
    train, test, out = (tmp_path / name for name in ("a.parquet", "b.parquet", "p.parquet"))
    frame[:200].to_parquet(train)
    frame[200:1200].to_parquet(test)
    which = ["--column", "titan_xp_64_ms", "--space", "ofa-mbv3-w1.0"]

    assert cli.main(["fit", "--networks", str(train), *which, "--out", str(out)]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", str(out), "--networks", str(test), *which, "--json"]) == 0

    data = json.loads(capsys.readouterr().out)
    assert data["spearman"] > 0.99 > data["macs_alone"]["spearman"]
    assert data["within_10"] > 0.98 > data["macs_alone"]["within_10"]
