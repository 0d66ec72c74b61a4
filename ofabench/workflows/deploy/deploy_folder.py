"""Folder of a deployment: complete or absent, with checksums for `sha256sum -c`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.digests import content_digest, file_digest
from bench.errors import FileError, OfabenchError
from bench.files import make_folder, read_bytes, read_json, write_bytes

FAMILY = "ofabench-deploy-"
FORMAT = f"{FAMILY}2"
CARD, PAGE, SEARCH, SUMS = "card.json", "card.md", "search.json", "SHA256SUMS"


def write_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` by name and their checksums into the new folder `out`, atomically."""
    with make_folder(out) as folder:
        for name, content in files.items():
            write_bytes(folder / name, content)
        write_bytes(folder / SUMS, sums_of(files).encode())


def sums_of(files: Mapping[str, bytes]) -> str:
    """Return lines in the format of `sha256sum`, sorted by name."""
    lines = (f"{content_digest(files[name])}  {name}\n" for name in sorted(files))
    return "".join(lines)


def finished(out: Path, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the card of an existing deployment of the same request; None if there is no folder.

    `FileError` if the folder is something else: another deployment, a changed one, or no
    deployment. Nothing is ever overwritten.
    """
    if not out.exists():
        if not out.parent.is_dir():  # checked before minutes of work
            raise FileError(f"cannot create {out}: the folder {out.parent} does not exist")
        return None
    try:
        card = read_json(out / CARD)
        ours = isinstance(card, dict) and str(card.get("format")).startswith(FAMILY)
    except OfabenchError:
        ours = False
    if not ours:
        raise FileError(f"{out} exists and is no deployment; name another folder, or remove it")
    if card["format"] != FORMAT:
        raise FileError(
            f"{out} holds a deployment in the format {card['format']} of another version of "
            f"ofabench, expected {FORMAT}; name another folder, or remove it"
        )
    _check_sums(out)
    if card["request"] != json.loads(json.dumps(request)):
        changed = sorted(
            name for name in request if card["request"].get(name) != json_value(request[name])
        )
        raise FileError(
            f"{out} holds another deployment (other {', '.join(changed) or 'options'}); name "
            "another folder, or remove it"
        )
    values: dict[str, Any] = card
    return values


def json_value(value: Any) -> Any:
    """Return `value` after a round trip through JSON."""
    return json.loads(json.dumps(value))


def _check_sums(out: Path) -> None:
    for line in read_bytes(out / SUMS).decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        if file_digest(out / name) != digest:
            raise FileError(
                f"{out / name} was changed since it was deployed; name another folder, or remove "
                "this one"
            )
