"""A deployment's card in a report: measurements of the file by target.

The search that chose it is a file of its own in the same folder.
"""

from pathlib import Path
from typing import Any

from bench.errors import FileError
from bench.files import VALUE_DAMAGE
from ofabench.report.outcome import Outcome, read_outcome
from ofabench.workflows.deploy.deploy_folder import FORMAT


def is_deployment(data: Any) -> bool:
    """Whether JSON values say that they are a card of `ofabench deploy`."""
    return isinstance(data, dict) and data.get("format") == FORMAT


def read_deployment(path: Path, data: Any) -> dict[str, Outcome]:
    """Verdicts by target; `FileError` where the card is damaged."""
    try:
        model, accuracy = data["model"], dict(data["accuracy"])
        about = {"space": model["space"], "arch": model["arch"]}
        found = [
            read_outcome(path, {**accuracy, **about, **one["verification"]}, str(model["file"]))
            for one in data["latency"]
            if one["verification"] is not None
        ]
    except VALUE_DAMAGE as error:
        raise FileError(f"{path} is a damaged card ({error!r}); deploy again") from error
    return {one.target: one for one in found}
