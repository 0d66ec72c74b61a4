"""The notebooks of examples/: they run, and their kept outputs are fit to be published."""

import getpass
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from docs.site.notebooks import notebook_pages, notebook_text
from docs.site.repository_links import site_text
from tests.notebooks.execution import KEPT, executed, notebooks, read, reduced, texts

MOST_BYTES = 200_000
PAGES = notebook_pages()
# Of a machine: folders of users and of temporary files, at the start of a path.
PATH = re.compile(r"(?<![\w.:/-])/(home|root|tmp|var|work|Users|mnt|opt)\b|[A-Z]:\\")
NOTEBOOKS = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def forms(notebook: Any) -> list[list[list[str]]]:
    """For each cell the forms of each of its outputs."""
    return [
        [sorted(output.get("data", {})) or [output.output_type] for output in cell.outputs]
        for cell in code(notebook)
    ]


def test_there_are_three_notebooks() -> None:
    assert [path.stem for path in notebooks()] == ["measure", "predict", "train"]


@pytest.mark.slow
@NOTEBOOKS
def test_a_notebook_runs_and_its_outputs_are_of_the_kinds_that_are_kept(
    path: Path, tmp_path: Path
) -> None:
    assert forms(executed(path, tmp_path)) == forms(read(path)), "run `make notebooks`"


@NOTEBOOKS
def test_every_cell_was_executed_in_order_and_none_failed_or_warned(path: Path) -> None:
    cells = code(read(path))

    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"execute_result"}
    assert {kind for output in outputs for kind in output.data} <= set(KEPT)


@NOTEBOOKS
def test_the_kept_outputs_say_nothing_of_the_machine_and_are_small(path: Path) -> None:
    notebook = read(path)

    for text in texts(notebook):
        assert not PATH.search(text), PATH.search(text)
        assert socket.gethostname() not in text
        assert not re.search(rf"/{getpass.getuser()}\b|\b{getpass.getuser()}@", text)
        assert "<script" not in text
    assert path.stat().st_size < MOST_BYTES
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert set(notebook.metadata.language_info) == {"name"}


@NOTEBOOKS
def test_the_lines_of_the_text_are_at_most_120_columns(path: Path) -> None:
    for cell in read(path).cells:
        width = 120 if cell.cell_type == "markdown" else 100
        assert [line for line in cell.source.splitlines() if len(line) > width] == []


def test_a_path_is_recognised() -> None:
    for text in ("in /tmp/tmp3", "file:'/home/me/x'", r"C:\Users", "(/root/a)"):
        assert PATH.search(text), text
    for text in ("fake/fake-1/root", "and/or", "https://a.example/home", "./tmp/x"):
        assert not PATH.search(text), text


def test_outputs_are_reduced_to_the_forms_that_are_kept() -> None:
    notebook = read(notebooks()[0])
    data = {"text/plain": "x", "text/html": "<p>", "image/svg+xml": "<svg>", "text/latex": "$"}
    cell = code(notebook)[-1]
    cell.outputs[0].data = data
    cell.metadata = {"execution": {"started": "now"}}

    cell = code(reduced(notebook))[-1]

    assert cell.outputs[0].data == {"text/html": "<p>", "image/svg+xml": "<svg>"}
    assert cell.metadata == {}


def test_the_site_has_a_page_of_each_that_links_to_the_pages_of_the_others() -> None:
    pages = {uri: site_text(notebook_text(path.read_text()), uri) for uri, path in PAGES.items()}

    assert [*pages] == [f"notebooks/{path.stem}.md" for path in notebooks()]
    assert "](measure.md)" in pages["notebooks/predict.md"]
    assert "](../tutorials/cpu.md)" in pages["notebooks/train.md"]
    for page in pages.values():
        assert 'alt=""' not in page
        assert "ipynb)" not in page
        for html in re.findall(r'<div class="output">.*?</div>', page, re.S):
            assert "\n\n" not in html
            assert "<style" not in html
