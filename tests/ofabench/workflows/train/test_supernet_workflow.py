"""`SuperNet`: accuracies measured and predicted, and networks cut out, from Python."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.errors import FileError, InputError
from latency_models.tables.networks import NetworksTable
from ofabench.cli.main import main
from ofabench.options.accuracy import AccuracyOptions, EvaluationOptions
from ofabench.options.search import SearchOptions
from ofabench.workflows.search.search import search
from ofabench.workflows.train.accuracy_fit import FittedAccuracies, fit_accuracy
from ofabench.workflows.train.extraction import load_extracted
from ofabench.workflows.train.supernet import SuperNet, load_supernet
from supernet.accuracy import measure
from supernet.accuracy.predictor import AccuracyPredictor
from supernet.data.dataset import Score
from supernet.data.open_data import open_data
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.schedule import Schedule
from supernet.weights import model
from tests.support.measured_accuracy import measure_accuracy
from tests.support.micro_supernets import MICRO, micro_images, save_micro

ENDS = [MICRO.smallest(), MICRO.largest()]


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> SuperNet:
    path = save_micro(tmp_path_factory.mktemp("supernet") / "s.safetensors")
    return load_supernet(path, data=micro_images())


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Codes in the order of measurement; each accuracy is simulated from the depth."""
    seen: list[tuple[int, ...]] = []

    def made_up(supernet: Any, codes: Any, *rest: Any) -> Iterator[tuple[int, Score]]:
        for row, code in enumerate(codes.tolist()):
            seen.append(tuple(code))
            (arch,) = MICRO.decode(codes[row : row + 1])
            accuracy = 0.5 + 0.1 * sum(arch.depths) + 0.01 * sum(arch.kernels)
            yield row, Score(accuracy=accuracy, error=0.01, images=200, groups=20)

    monkeypatch.setattr(measure, "measure_each", made_up)
    return seen


def test_accuracies_are_those_of_each_network_by_itself(
    supernet: SuperNet, capsys: pytest.CaptureFixture[str]
) -> None:
    result = supernet.evaluate([*reversed(ENDS), ENDS[0]], options=EvaluationOptions(images=20))

    assert result.archs == [*reversed(ENDS)]  # each once, in the order given
    parts = open_data(micro_images(), MICRO)
    judging = parts.validation.subset(20, np.random.default_rng(0))
    for arch, accuracy, error in zip(
        result.archs, result.frame["accuracy"], result.frame["accuracy_error"], strict=True
    ):
        images = parts.train_source.calibration(2000, arch.resolution)
        alone = measure_accuracy(model.SuperNet(MICRO, 4).eval(), arch, images, judging)
        assert (accuracy, error) == (alone.accuracy, alone.error)
    data = json.loads(json.dumps(result.to_dict()))
    assert (data["networks"], data["images"], data["calibration"]) == (2, 20, 240)
    assert data["least"] == min(result.frame["accuracy"])
    assert repr(result).startswith("2 networks of micro: accuracy ")
    assert "<table" in result._repr_html_()
    assert capsys.readouterr() == ("", "")


def test_codes_and_architectures_name_the_same_networks(
    supernet: SuperNet, measured: list[tuple[int, ...]]
) -> None:
    by_codes = supernet.evaluate(MICRO.encode(ENDS))
    by_archs = supernet.evaluate(ENDS)

    assert by_codes.frame.equals(by_archs.frame)
    assert measured[:2] == measured[2:]


def test_a_file_keeps_measured_accuracies_and_their_space(
    supernet: SuperNet, measured: list[tuple[int, ...]], tmp_path: Path
) -> None:
    out = tmp_path / "n.parquet"
    supernet.evaluate(ENDS, out=out)
    supernet.evaluate([*ENDS, MICRO.smallest(12)], out=out)
    assert len(measured) == 3

    table = NetworksTable.load(out)
    assert table.space == "micro"
    assert table.frame["accuracy"].tolist() == pytest.approx([0.63, 0.8, 0.63])
    supernet.evaluate(out=out, options=EvaluationOptions(networks=20))
    # The command line needs no --space: the table has it.
    argv = ["accuracy", "--table", str(out), "--model", "kernel", "--out", str(tmp_path / "a")]
    assert main(argv) == 0
    AccuracyPredictor.load(tmp_path / "a").check_space(MICRO)


@pytest.fixture
def fitted(supernet: SuperNet, measured: list[tuple[int, ...]]) -> FittedAccuracies:
    del measured
    options = EvaluationOptions(networks=40)
    return fit_accuracy(
        supernet.evaluate(options=options), options=AccuracyOptions(model="kernel", seed=3)
    )


def test_a_predictor_is_fitted_and_searched_with(fitted: FittedAccuracies, tmp_path: Path) -> None:
    """The simulated accuracies are a sum over choices, which a kernel model fits exactly."""
    assert fitted.predict(ENDS) == pytest.approx([0.63, 0.8], abs=0.02)
    assert fitted.predict(MICRO.encode(ENDS)).tolist() == fitted.predict(ENDS).tolist()
    data = json.loads(json.dumps(fitted.to_dict()))
    assert (data["model"], data["seed"], data["measured_error"]) == ("kernel", 3, 0.01)
    assert "held-out" in repr(fitted)

    result = search(MICRO, fitted, options=SearchOptions(budget=200, patience=5))
    assert (result.arch.depths, result.arch.kernels) == ((2,), (5, 5))

    fitted.save(tmp_path / "a")
    saved = AccuracyPredictor.load(tmp_path / "a")
    assert saved.predict(MICRO.encode(ENDS)) == pytest.approx(fitted.predict(ENDS))


def test_networks_are_measured_for_a_predictor(supernet: SuperNet, tmp_path: Path) -> None:
    options = AccuracyOptions(model="kernel", networks=12, images=20)

    fitted = supernet.accuracy_predictor(options=options, out=tmp_path / "a")

    assert len(fitted.predictor.codes) == 12
    assert fitted.predictor.provenance["images"] == 20
    assert len(AccuracyPredictor.load(tmp_path / "a").codes) == 12


@dataclass(frozen=True)
class Found:
    """What a search's result looks like to who takes one."""

    arch: ArchConfig
    space: SearchSpace


def test_a_network_is_cut_out_however_it_is_named(supernet: SuperNet, tmp_path: Path) -> None:
    line = tmp_path / "a.jsonl"
    line.write_text(MICRO.to_line(ENDS[1]))
    out = tmp_path / "net.safetensors"

    networks = [
        supernet.extract(item, out=out)
        for item in (ENDS[1], "largest", line, Found(ENDS[1], MICRO))
    ]

    images = torch.zeros(2, 1, 12, 12)
    outputs = [item.module(images) for item in (*networks, load_extracted(out))]
    assert outputs[0].shape == (2, 3)
    assert all(torch.allclose(output, outputs[0], atol=1e-6) for output in outputs)
    first = networks[0]
    assert first.macs == sum(block.macs for block in MICRO.blocks(ENDS[1]))
    assert json.loads(json.dumps(first.to_dict()))["params"] == first.params
    assert repr(first).endswith(f"\n  {first.macs:,} multiply-adds, {first.params:,} parameters")
    # The data were given to an imported supernet, so that they are other data than its own.
    parts = open_data(micro_images(), MICRO)
    assert first.network.provenance["calibration"] == parts.name


@pytest.mark.parametrize(
    ("archs", "says"),
    [
        ("largest", "archs is 'largest', expected a list of ArchConfigs or codes"),
        ([3], "archs[0] is 3, expected an ArchConfig"),
        (np.zeros((2, 3), np.int16), "codes are int16 of the shape (2, 3), expected whole numbers"),
        (np.zeros((2, 6)), "codes are float64 of the shape (2, 6), expected whole numbers (n, 6)"),
        ([], "archs is empty: give at least one network"),
        ([SearchSpace.load("tiny").smallest()], "micro"),
    ],
)
def test_networks_of_wrong_types_are_refused(supernet: SuperNet, archs: Any, says: str) -> None:
    with pytest.raises(InputError) as error:
        supernet.evaluate(archs)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("arch", "says"),
    [
        (3, "arch is 3, expected an ArchConfig, a search's result"),
        (Found(ENDS[0], SearchSpace.load("tiny")), "a network of tiny, the supernet is of micro"),
    ],
)
def test_an_architecture_of_a_wrong_type_is_refused(
    supernet: SuperNet, arch: Any, says: str
) -> None:
    with pytest.raises(InputError) as error:
        supernet.extract(arch)
    assert says in str(error.value)
    with pytest.raises(InputError, match="pick is for a file of several networks"):
        supernet.extract(ENDS[0], pick=1)


def test_a_training_that_is_not_finished_is_looked_at_and_not_used(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    recipe = Recipe(space=MICRO, schedule=Schedule.load("digits"), data="digits")
    state = model.SuperNet(MICRO).state_dict()
    save_checkpoint(path, Checkpoint(recipe=recipe, phase=0, epoch=0, network=state))

    half = load_supernet(path)

    assert not half.finished
    assert "supernet of micro, training not finished" in repr(half)
    with pytest.raises(InputError, match="is not trained to the end"):
        half.evaluate()
    with pytest.raises(InputError, match="is not trained to the end"):
        half.extract("largest")


def test_a_supernet_with_unknown_data_needs_images(supernet: SuperNet) -> None:
    with pytest.raises(InputError, match="no data set 'imagenet'"):
        load_supernet(supernet.path).evaluate(ENDS)


def test_other_inputs_than_accuracy_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="measured is a int, expected a result of SuperNet"):
        fit_accuracy(3)  # type: ignore[arg-type]
    with pytest.raises(FileError, match=r"the folder .* does not exist"):
        fit_accuracy("n.parquet", out=tmp_path / "absent" / "a")
    table = NetworksTable(frame=MICRO.to_frame(ENDS), space="micro", targets={}, provenance={})
    with pytest.raises(FileError, match="the networks table lacks the column 'accuracy'"):
        fit_accuracy(table)
