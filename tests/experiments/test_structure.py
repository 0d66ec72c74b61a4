"""Figures of the structure of made-up trees, counted by hand; and one real flow."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.errors import InputError
from experiments import structure
from experiments.flows import TRAIL, Flow, flow_of
from experiments.import_graph import Import, layers, read_tree
from experiments.structure import Circle, NamespaceFunction, Pair, structure_of

FILES = {
    "bench/__init__.py": "",
    "bench/a.py": "from bench.b import f, g\n",
    "bench/b.py": "def f():\n    import bench.a\n\n\ng = f\n",
    "bench/c.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from bench.inner.fake import Fake\n"
        "import json, os\n"
    ),
    "bench/d.py": "",
    "bench/inner/fake.py": "from bench import d\n",
    "supernet/roof.py": "import bench.a\nfrom bench import nothing\n",
    # The face imports what is inside, which imports its own package: no pair.
    "ofabench/__init__.py": "from ofabench.report.page import page\n",
    "ofabench/__main__.py": "from ofabench import cli_run\n",
    "ofabench/cli_run.py": (
        "import argparse\n"
        "def run(args: argparse.Namespace) -> int:\n"
        "    return 0\n"
    ),
    "ofabench/tools.py": (
        "class Tool:\n"
        "    @property\n"
        "    def use(\n"
        "        self, *, args: 'argparse.Namespace | None' = None\n"
        "    ) -> None: ...\n"
        "def other(args: SimpleNamespace) -> None: ...\n"
    ),
    "ofabench/report/page.py": "from ..tools import Tool\nfrom supernet import roof\n",
}  # fmt: skip


def write(root: Path, files: Mapping[str, str] = FILES) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_circles_pairs_and_counts_of_a_small_tree(tmp_path: Path) -> None:
    tree = read_tree(write(tmp_path))
    structure = structure_of(tree)

    assert [edge for edge in tree.imports if edge.importer == "supernet/roof.py"] == [
        Import("supernet/roof.py", "bench/__init__.py", 2, ("nothing",)),
        Import("supernet/roof.py", "bench/a.py", 1, ("bench.a",)),
    ]
    there = Import("bench/a.py", "bench/b.py", 1, ("f", "g"))
    back = Import("bench/b.py", "bench/a.py", 2, ("bench.a",))
    assert structure.circles == (Circle(files=("bench/a.py", "bench/b.py"), ties=(there, back)),)
    assert structure.pairs == (
        Pair(
            folders=("bench", "bench/inner"),
            there=Import("bench/c.py", "bench/inner/fake.py", 3, ("Fake",)),
            back=Import("bench/inner/fake.py", "bench/d.py", 1, ("d",)),
        ),
    )
    assert structure.loose == {"bench": 4, "supernet": 1, "ofabench": 2}
    assert structure.namespace == (
        NamespaceFunction("ofabench/cli_run.py", "run", 2, 2, outside=False),
        NamespaceFunction("ofabench/tools.py", "use", 3, 3, outside=True),
    )
    assert structure.lines == {"bench": 1 + 5 + 4 + 1, "supernet": 2, "ofabench": 1 + 1 + 3 + 6 + 2}


def test_a_layer_lies_above_all_that_it_imports_and_a_circle_shares_one() -> None:
    graph = {"a": {"b"}, "b": {"a", "c"}, "c": set(), "d": {"c", "a"}, "e": set()}

    assert layers(graph) == {"c": 1, "e": 1, "a": 2, "b": 2, "d": 3}


def test_a_flow_counts_each_function_once_and_climbs_between_packages(tmp_path: Path) -> None:
    cli, page, space = "ofabench/cli_run.py", "ofabench/report/page.py", "supernet/roof.py"
    fake = "bench/inner/fake.py"
    tree = read_tree(write(tmp_path))
    calls = [
        ("ofabench/tools.py", page, "before"),  # by a file of no call: no call up
        (page, cli, "run"),
        (cli, "bench/a.py", "f"),
        (cli, space, "load"),  # up, from bench
        (space, "bench/a.py", "f"),  # was called before
        (space, "bench/a.py", "g"),
        ("bench/a.py", space, "done"),  # up; a call up, twice
        ("bench/a.py", space, "again"),
        ("bench/a.py", fake, "run"),  # folders that import each other: no call up
        (fake, "bench/d.py", "d"),
        ("", page, "page"),  # up, on a thread
    ]

    assert flow_of("sweep", calls, tree) == Flow(
        command="sweep",
        files=(page, cli, "bench/a.py", space, fake, "bench/d.py"),
        functions=10,
        stays=9,
        climbs=3,
        calls_up=(("bench/a.py", space),),
    )


def test_the_trail_is_what_is_called_between_parsing_and_the_last_file(tmp_path: Path) -> None:
    files = {
        "bench/kept.py": (
            "import os\n"
            "def made(): return 1\n"
            "MADE = made()\n"  # by the import: no call of the flow
            "def put(done):\n"
            "    open('x', 'w').close()\n"
            "    [made() for _ in 'ab']\n"
            "    done()\n"
            "    os.replace('x', 'y')\n"
        ),
        "ofabench/__init__.py": "",
        "ofabench/__main__.py": (
            "import argparse, sys\n"
            "def before(): pass\n"
            "def run():\n"
            "    from bench.kept import put\n"
            "    put(lambda: None)\n"
            "def after(): pass\n"
            "before()\n"
            "argparse.ArgumentParser().parse_args()\n"
            "run()\n"
            "after()\n"
            "sys.exit(3)\n"
        ),
    }
    write(tmp_path, files)
    argv = [sys.executable, "-P", str(TRAIL), "calls.json", str(tmp_path), "bench,ofabench"]

    done = subprocess.run(argv, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=False)

    assert done.returncode == 3
    main, store = "ofabench/__main__.py", "bench/kept.py"
    assert json.loads((tmp_path / "calls.json").read_text()) == [
        [main, main, "run"],
        [main, store, "put"],
        [store, store, "made"],
        [store, main, "run.<locals>.<lambda>"],
    ]


@pytest.mark.slow
def test_the_sweep_of_this_checkout_goes_from_the_command_to_the_store(tmp_path: Path) -> None:
    root = TRAIL.parents[1]
    argv = ["--space", "tiny", "--device", "fake", "--backend", "fake", "--loads", "1"]
    argv += ["--passes", "2", "--blocks", "2", "--out", "s.sqlite"]
    run = [sys.executable, "-P", str(TRAIL), "calls.json", str(root), "bench,supernet,ofabench"]

    subprocess.run(
        [*run, "sweep", *argv], cwd=tmp_path, check=True, capture_output=True,
        env={"PYTHONPATH": str(root), "XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip

    calls = [tuple(call) for call in json.loads((tmp_path / "calls.json").read_text())]
    flow = flow_of("sweep", calls, read_tree(root))
    assert flow.files[0].startswith("ofabench/")
    assert any(file.startswith("bench/") and file.endswith("/store.py") for file in flow.files)
    assert not any(file.startswith("ofabench/report/") for file in flow.files)
    assert len(flow.files) <= flow.stays <= flow.functions


def test_the_command_prints_text_or_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(write(tmp_path)), "--no-flows"]

    assert structure.main(root) == 0
    text = capsys.readouterr().out
    assert "pairs of folders that import each other: 1\n  bench and bench/inner\n" in text
    assert "    bench/inner/fake.py:1 -> bench/d.py: d\n" in text
    assert "functions that take a Namespace: 2, 5 lines; outside the command line: 1\n" in text
    assert "lines: bench 11, supernet 2, ofabench 13; 26 in all\n" in text

    assert structure.main([*root, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["loose"] == {"bench": 4, "supernet": 1, "ofabench": 2}
    assert data["circles"][0]["files"] == ["bench/a.py", "bench/b.py"]


def test_a_folder_that_is_no_checkout_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert structure.main(["--root", str(tmp_path)]) == 2
    assert "holds none of bench, " in capsys.readouterr().err

    write(tmp_path, {"bench/a.py": "a = 1\nb = = 2\n"})
    with pytest.raises(InputError, match=r"bench/a\.py is no Python, line 2: invalid syntax"):
        read_tree(tmp_path)
