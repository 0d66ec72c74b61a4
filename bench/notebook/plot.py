"""`Plot`: a chart that a notebook shows, and that a file can hold."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import FileError
from bench.extras import check_extra
from bench.files import write_bytes, write_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLOTLY = "application/vnd.plotly.v1+json"
PAGE = ".html"
PICTURES = (".svg", ".png", ".pdf")


def check_charts() -> None:
    """Raise `MissingRuntimeError` where a package that charts need is not installed."""
    check_extra("plotly", "charts need")
    check_extra("matplotlib", "pictures of charts need")


def check_name(path: Path) -> None:
    """Raise `FileError` where a chart cannot be written under this name."""
    if path.suffix not in (*PICTURES, PAGE):
        names = ", ".join((*PICTURES, PAGE))
        raise FileError(f"{path} is not a chart's name: expected one in {names}")


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """A chart: interactive where the notebook can display Plotly's figures, else a picture.

    Attributes:
        figure: the Plotly figure, to change or to show by itself.
        title: what it shows, in words.
    """

    figure: "go.Figure"
    title: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a picture (`.svg`, `.png`, `.pdf`), or an interactive page (`.html`, 5 MB).

        `FileError` for another suffix, or where the file cannot be written.
        """
        path = Path(path)
        check_name(path)
        if path.suffix == PAGE:
            write_text(path, self.figure.to_html(include_plotlyjs=True))
            return
        from bench.notebook.picture import picture

        write_bytes(path, picture(self.figure, self.title, path.suffix.removeprefix(".")))

    def __repr__(self) -> str:
        return f"Plot({self.title!r})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """The chart in both forms; a notebook displays the best one that it can."""
        del include, exclude
        interactive = json.loads(str(self.figure.to_json()))
        return {PLOTLY: interactive, "image/svg+xml": self._repr_svg_()}

    def _repr_svg_(self) -> str:
        from bench.notebook.picture import picture

        return picture(self.figure, self.title, "svg").decode()
