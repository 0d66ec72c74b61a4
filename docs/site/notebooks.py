"""Notebooks as pages: their cells and the outputs that are kept in them; nothing is executed."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

FOLDER = Path("examples/notebooks")
SECTION = "notebooks"  # folder of the pages in the site
_PLOT = re.compile(r"Plot\('(?P<title>.*)'\)")
_STYLE = re.compile(r"<style.*?</style>", re.S)
_BLANK = re.compile(r"\n\s*\n")
# Of the kinds in which an output is kept, the first that it has is displayed.
_PICTURES = ("image/svg+xml", "image/png")


def notebook_pages() -> dict[str, Path]:
    """Return the notebooks by the addresses of their pages, as `notebooks/measure.md`."""
    return {f"{SECTION}/{path.stem}.md": path for path in sorted(FOLDER.glob("*.ipynb"))}


def notebook_text(notebook: str) -> str:
    """Return a notebook's page as Markdown.

    Args:
        notebook: the JSON of the file, format 4.
    """
    return "\n\n".join(part for cell in json.loads(notebook)["cells"] for part in _cell(cell))


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    source = _joined(cell["source"]).strip("\n")
    if cell["cell_type"] == "markdown":
        yield source
    elif cell["cell_type"] == "code" and source:
        yield _fenced("python", source)
        for output in cell["outputs"]:
            yield _output(output)


def _output(output: Mapping[str, Any]) -> str:
    if output["output_type"] == "stream":
        return _fenced("text", _joined(output["text"]))
    if output["output_type"] == "error":
        return _fenced("text", f"{output['ename']}: {output['evalue']}")
    kept = {kind: _joined(value) for kind, value in output["data"].items()}
    for kind in _PICTURES:
        if kind in kept:
            picture, title = _base64(kind, kept[kind]), _title(kept)
            return f'<img class="output" alt="{title}" src="data:{kind};base64,{picture}">'
    if "text/html" in kept:
        # A blank line would end the block; the style is pandas' own.
        html = _BLANK.sub("\n", _STYLE.sub("", kept["text/html"]).strip())
        return f'<div class="output">\n{html}\n</div>'
    return _fenced("text", kept.get("text/plain", ""))


def _title(kept: Mapping[str, str]) -> str:
    """What a chart shows, in words: `Plot` is printed with its title; "" of another picture."""
    match = _PLOT.fullmatch(kept.get("text/plain", ""))
    return escape(match["title"]) if match else ""


def _base64(kind: str, value: str) -> str:
    """A picture's bytes as base64; notebooks keep SVG as text and the others as base64."""
    if kind == "image/svg+xml":
        return base64.b64encode(value.encode()).decode()
    return "".join(value.split())


def _fenced(language: str, text: str) -> str:
    body = text.rstrip("\n")
    return f"````{language}\n{body}\n````"


def _joined(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)
