"""`ofabench space sample`: distinct random networks as an archs file."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from ofabench.cli import main as cli
from ofabench.workflows.latency.networks import read_archs
from ofabench.workflows.search.space_sample import distinct_networks
from supernet.space.space import SearchSpace
from tests.supernet.space.test_toml import MBCONV

TINY = SearchSpace.load("tiny")
SMALL = SearchSpace.from_toml(MBCONV.replace("[3, 9]", "[3]").replace("[1.5, 3]", "[3]"))


def sample(*argv: str) -> int:
    return cli.main(["space", "sample", *argv])


def test_an_archs_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.jsonl"
    assert sample("tiny", "-n", "1000", "--seed", "1", "--out", str(out)) == 0
    assert capsys.readouterr().out == ""
    networks = list(read_archs(out, None))
    assert len(networks) == len({TINY.to_line(arch) for _, arch in networks}) == 1000
    # Uniform draws of SearchSpace.sample, in their order, of which shallow networks repeat.
    rng = np.random.default_rng(1)
    drawn = [*TINY.sample(rng, 1024), *TINY.sample(rng, 1024)]
    assert [arch for _, arch in networks] == list(dict.fromkeys(drawn))[:1000]


def test_more_begin_with_the_fewer(capsys: pytest.CaptureFixture[str]) -> None:
    assert sample("tiny", "-n", "3", "--seed", "7") == 0
    few = capsys.readouterr().out.splitlines()
    assert sample("tiny", "-n", "1500", "--seed", "7") == 0
    many = capsys.readouterr().out.splitlines()
    assert len(few) == 3
    assert many[:3] == few
    assert sample("tiny", "-n", "3", "--seed", "8") == 0
    assert capsys.readouterr().out.splitlines() != few


def test_every_network_of_a_small_space() -> None:
    assert SMALL.count() == 2  # depths 2 and 4, at each of three resolutions
    codes = distinct_networks(SMALL, 6, seed=0)
    assert len({tuple(row) for row in codes.tolist()}) == 6
    with pytest.raises(InputError, match="got --networks 7, but mine has only 6 distinct networks"):
        distinct_networks(SMALL, 7, seed=0)


def test_only_some_resolutions(capsys: pytest.CaptureFixture[str]) -> None:
    assert sample("tiny", "-n", "20", "--resolutions", "24,32") == 0
    lines = capsys.readouterr().out.splitlines()
    assert {json.loads(line)["resolution"] for line in lines} == {24, 32}


@pytest.mark.parametrize(
    ("argv", "output"),
    [
        (("nowhere",), "unknown space 'nowhere'"),
        (("tiny", "--resolutions", "25"), "tiny has no resolution 25"),
        (("tiny", "--out", "no/such/folder"), "cannot write"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    argv: tuple[str, ...], output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample(*argv) == 2
    error = capsys.readouterr().err
    assert output in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("value", ["-1", "1.5", "x", "1e3", "²"])
def test_only_a_whole_number_is_a_seed(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        sample("tiny", "--seed", value)
    assert stopped.value.code == 2
    assert "expected a whole number of at least 0" in capsys.readouterr().err
