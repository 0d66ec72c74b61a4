"""`--pick`: one network of a file of several, a front or an archs file."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.errors import FileError, InputError
from ofabench.cli import main as cli
from ofabench.workflows.deploy.deploy_search import read_search
from ofabench.workflows.train.network_arguments import arch_of
from supernet.published.net_config_export import net_config
from supernet.search.result_file import read_network, read_values
from supernet.space.space import SearchSpace

TINY = SearchSpace.load("tiny")
ARCHS = (TINY.smallest(24), TINY.smallest(32), TINY.largest(28))


def result(place: int) -> dict[str, Any]:
    return {
        "format": "ofabench-search-1",
        "arch": json.loads(TINY.to_line(ARCHS[place])),
        "accuracy": 0.5 + place / 10,
        "predictions": {"ms": 1.0 + place},
        "limits": {"ms": 4.0},
        "provenance": {},
    }


@pytest.fixture
def front(tmp_path: Path) -> Path:
    path = tmp_path / "front.json"
    outcome = {"format": "ofabench-search-1", "space": "tiny", "objectives": ["accuracy", "ms"],
             "front": [result(0), result(1), result(2)], "provenance": {"seed": 5}}  # fmt: skip
    path.write_text(json.dumps(outcome))
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{TINY.to_line(arch)}\n\n" for arch in ARCHS))
    return path


def test_one_of_a_front(front: Path) -> None:
    for pick, arch in enumerate(ARCHS, start=1):
        outcome = read_network(front, pick)
        assert (outcome.space, outcome.arch) == ("tiny", arch)
        assert outcome.predicted == {"ms": float(pick)}
    assert read_values(front, 2) == {**result(1), "provenance": {"seed": 5}}
    assert read_search(front, 3) == {**result(2), "provenance": {"seed": 5}}


def test_one_of_the_lines(lines: Path) -> None:
    assert [read_network(lines, pick).arch for pick in (1, 2, 3)] == list(ARCHS)
    assert read_search(lines, 2) is None
    assert arch_of(str(lines), TINY, 3) == ARCHS[2]


@pytest.mark.parametrize("name", ["front", "lines"])
def test_which_one_must_be_said(name: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(name)
    with pytest.raises(
        InputError, match="holds 3 networks, expected one network: choose with --pick 1 to"
    ):
        read_network(path)
    with pytest.raises(InputError, match="holds 3 networks, --pick is 4; give 1 to 3"):
        read_network(path, 4)


def test_a_file_of_one_network(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(TINY.to_line(ARCHS[0]))
    assert read_network(path, 1).arch == ARCHS[0]
    with pytest.raises(InputError, match="holds one network, --pick 2 asks for another"):
        read_network(path, 2)
    with pytest.raises(InputError, match="--arch largest is one network"):
        arch_of("largest", TINY, 1)


@pytest.mark.parametrize("damaged", ["3", "[]", "[1]", "{}"])
def test_a_damaged_front_is_refused(damaged: str, tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    path.write_text(f'{{"format": "ofabench-search-1", "front": {damaged}}}')
    with pytest.raises(FileError, match="is a damaged search result"):
        read_network(path, 1)


def test_a_net_config_of_one_of_a_front(front: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["space", "export-net", "--arch", str(front), "--pick", "2"]) == 0
    assert json.loads(capsys.readouterr().out) == net_config(TINY.blocks(ARCHS[1]))
    assert cli.main(["space", "export-net", "--arch", str(front)]) == 2
    assert "--pick 1 to 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "output"),
    [
        (("export", "--network", "net", "--format", "onnx", "--out", "o"), "--pick is for --arch"),
        (("deploy", "--network", "net", "--format", "onnx", "--out", "o"), "of --arch or --result"),
        (
            ("deploy", "--checkpoint", "c", "--accuracy", "a", "--format", "onnx", "--out", "o"),
            "searches for one network: leave --pick out",
        ),
    ],
)
def test_a_pick_without_several_networks_is_refused(
    argv: tuple[str, ...], output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*argv, "--pick", "2"]) == 2
    error = capsys.readouterr().err
    assert output in error
    assert error.count("\n") == 1
