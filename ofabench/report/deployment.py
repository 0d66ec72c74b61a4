"""Deployments in a report: what the card of `ofabench deploy` says of the model's file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import FileError
from bench.files import VALUE_DAMAGE
from ofabench.charts.architecture_text import in_words
from ofabench.report.named_spaces import arch_of, space_named
from ofabench.report.outcome import Outcome, read_outcome
from ofabench.workflows.deploy.deploy_folder import FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployed model's facts in words, and its measurements by target.

    The search that chose it is in the same folder, as a file that a report reads like any other.
    """

    facts: dict[str, str]
    outcomes: dict[str, Outcome]


def is_deployment(data: Any) -> bool:
    """Whether JSON values say that they are a card of `ofabench deploy`."""
    return isinstance(data, dict) and data.get("format") == FORMAT


def read_deployment(path: Path, data: Any) -> Deployment:
    """Read a card; `FileError` where it is damaged."""
    try:
        model, accuracy = data["model"], dict(data["accuracy"])
        about = {"space": model["space"], "arch": model["arch"]}
        outcomes = [
            read_outcome(path, {**accuracy, **about, **entry["verification"]}, str(model["file"]))
            for entry in data["latency"]
            if entry["verification"] is not None
        ]
        return Deployment(facts=_facts(data), outcomes={each.target: each for each in outcomes})
    except VALUE_DAMAGE as error:
        raise FileError(f"{path} is a damaged card ({error!r}); deploy again") from error


def _facts(card: Any) -> dict[str, str]:
    """What a reader wants to know of the file; what a card does not say is left out."""
    model, made = card["model"], card.get("made") or {}
    arch = arch_of(model["arch"])
    words = None if arch is None else in_words(space_named(str(model["space"])), arch)
    facts = {
        "file": model["file"],
        "space": model["space"],
        "architecture": words and words.replace("<br>", "; "),
        "runtime": model.get("backend"),
        "precision": model.get("precision"),
        "MACs": _count(model.get("macs")),
        "parameters": _count(model.get("params")),
        "size, bytes": _count(model.get("size_bytes")),
        "made": made.get("date"),
        "SHA-256": model.get("sha256"),
    }
    return {name: str(value) for name, value in facts.items() if value is not None}


def _count(value: Any) -> str | None:
    return None if value is None else f"{int(value):,}"
