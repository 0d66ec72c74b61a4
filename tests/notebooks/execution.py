"""Executes notebooks, and reduces their outputs to what is kept in the repository."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "notebooks"
LIMIT_S = 600  # for a cell
# Of each output, what readers without a running notebook can see: a chart is kept as a picture.
KEPT = ("text/plain", "text/html", "image/svg+xml")


def notebooks() -> list[Path]:
    """Return the notebooks, in the order of their names."""
    return sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> Any:
    """Return a notebook."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def executed(path: Path, folder: Path) -> Any:
    """Return a notebook with the outputs of an execution in `folder`.

    `CellExecutionError` where a cell fails. Temporary files of its cells go into the folder too.
    """
    notebook = read(path)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "OMP_NUM_THREADS": "1",
    }
    client = NotebookClient(
        notebook, timeout=LIMIT_S, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute(env=environment)
    return reduced(notebook)


def reduced(notebook: Any) -> Any:
    """Remove times, the interpreter's version, and the forms of outputs that are not kept."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            if "data" in output:
                output["data"] = {kind: output["data"][kind] for kind in _forms(output["data"])}
    return notebook


def write(notebook: Any, path: Path) -> None:
    """Write a notebook as it is kept."""
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, version=4)  # type: ignore[no-untyped-call]
    path.write_text(f"{text}\n", encoding="utf-8")


def texts(notebook: Any) -> Iterator[str]:
    """Yield every text of the outputs."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            yield str(output.get("text", ""))
            yield from map(str, output.get("data", {}).values())


def _forms(data: Mapping[str, Any]) -> list[str]:
    """The forms that are kept: text only where there is nothing else, or to describe a picture."""
    forms = [kind for kind in KEPT if kind in data]
    return [kind for kind in forms if kind != "text/plain"] if "text/html" in forms else forms
