"""`ofabench space`: lists, shows and checks, for people and for machines."""

import json
from pathlib import Path

import pytest

from bench.errors import InputError
from ofabench.cli.commands.space import COMMAND
from ofabench.cli.main import main
from supernet.space.space import SearchSpace

FIXTURE = Path(__file__).parents[2] / "support" / "published_networks.json"


def run(*argv: str | Path) -> int:
    return COMMAND.main([str(word) for word in argv], "ofabench space")


def test_the_list_names_every_space(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        *("ofa-mbv3-w1.0", "ofa-mbv3-w1.2", "ofa-proxyless-w1.3", "ofa-resnet50d", "tiny")
    ]
    assert "2.18e+19 networks at each of 25 resolutions, 128 to 224 px" in lines[0]


def test_the_list_for_machines_has_exact_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json") == 0

    (mbv3, *_) = json.loads(capsys.readouterr().out)
    assert mbv3["networks"] == (9**2 + 9**3 + 9**4) ** 5


def test_show_prints_choices_and_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "ofa-mbv3-w1.0") == 0

    shown = capsys.readouterr().out
    assert "unique blocks  1257" in shown
    assert "d0..d4         2, 3, 4" in shown
    assert "ks0..ks19      3, 5, 7" in shown
    assert "e0..e19        3, 4, 6" in shown
    assert "largest        224 px, 26 blocks, 7.66 M parameters, 566.2 M MACs" in shown


def test_show_for_machines_reads_a_file_of_the_users(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SearchSpace.load("tiny").text.replace('"tiny"', '"mine"'))

    assert run("show", path, "--json") == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["name"] == "mine"
    assert shown["columns"]["resolution"] == shown["resolutions"]
    assert list(shown["columns"]) == SearchSpace.load("tiny").columns


def test_show_prints_the_toml_to_start_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "tiny", "--toml") == 0

    assert SearchSpace.from_toml(capsys.readouterr().out) == SearchSpace.load("tiny")


def test_check_prints_counts_and_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", FIXTURE) == 0

    head, *lines = capsys.readouterr().out.splitlines()
    assert " ".join(head.split()) == "network params M (published) MACs M (published) space"
    assert [line.split()[-1] for line in lines] == [
        *("ofa-mbv3-w1.2", "-", "ofa-mbv3-w1.0", "ofa-mbv3-w1.0", "ofa-proxyless-w1.3")
    ]
    assert lines[0].split()[1:5] == ["8.39", "8.4", "389.5", "389"]


def test_check_for_machines_has_the_fields_of_every_network(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("check", FIXTURE, "--json") == 0

    rows = json.loads(capsys.readouterr().out)
    for row, entry in zip(rows, json.loads(FIXTURE.read_text()), strict=True):
        assert row["name"] == entry["name"]
        assert (row["params"], row["macs"]) == (entry["counted_params"], entry["counted_macs"])
        assert row["published_params"] == round(entry["params_m"] * 1e6)
        assert row["published_macs"] == round(entry["macs_m"] * 1e6)
        assert row["space"] == entry["space"]
        assert (row["arch"] is None) == (row["space"] is None)


def test_check_reads_only_the_given_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", FIXTURE, "--json", "--space", "ofa-mbv3-w1.2", "--space", "tiny") == 0

    rows = json.loads(capsys.readouterr().out)
    assert [row["space"] for row in rows] == ["ofa-mbv3-w1.2", None, None, None, None]


def test_a_network_goes_out_as_ofas_json_and_is_found_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = SearchSpace.load("ofa-mbv3-w1.2")
    arch, line, out = space.smallest(), tmp_path / "a.jsonl", tmp_path / "net.config"
    line.write_text(space.to_line(arch) + "\n")

    assert run("export-net", "--arch", line, "--out", out) == 0
    assert run("export-net", "--arch", line) == 0
    assert capsys.readouterr().out == out.read_text()
    assert run("check", out, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["space"], row["arch"]) == ("ofa-mbv3-w1.2", arch.to_json())
    assert run("check", out, "--json", "--resolution", "200") == 0
    assert json.loads(capsys.readouterr().out)[0]["arch"]["resolution"] == 200
    with pytest.raises(InputError, match="--space is tiny"):
        run("export-net", "--arch", line, "--space", "tiny")


def test_wrong_input_leaves_stdout_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "networks.json"
    path.write_text('[{"name": "x"}]')

    with pytest.raises(InputError, match="net is None"):
        run("check", path)
    with pytest.raises(InputError, match="unknown space 'nosuch'"):
        run("show", "nosuch")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "argv",
    [
        ["show", "nosuch"],
        ["check", "/nonexistent.json"],
        ["check", __file__],
        ["export-net", "--arch", __file__],
    ],
)
def test_wrong_input_is_refused_with_exit_code_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["space", *argv]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ofabench: ")
    assert err.count("\n") == 1
