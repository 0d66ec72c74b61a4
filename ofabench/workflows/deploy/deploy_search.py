"""The search in a deployment, as its file has it."""

import json
from pathlib import Path
from typing import Any

from bench.digests import content_digest
from bench.files import parse_json, read_bytes


def digest_of_search(path: Path) -> str:
    """What a search found, whenever and from wherever it was run; of another file its content."""
    content = read_bytes(path)
    try:
        found = parse_json(content)
    except ValueError:
        return content_digest(content)
    if isinstance(found, dict):
        found.pop("provenance", None)
    return content_digest(json.dumps(found, sort_keys=True))


def read_search(path: Path | None, pick: int | None = None) -> dict[str, Any] | None:
    """The JSON values of a search's result; None where `path` is an archs file, or none."""
    from supernet.search.result_file import FORMAT as SEARCH_FORMAT
    from supernet.search.result_file import read_network, read_values
    from supernet.space.arch_file import written_network

    if path is None:
        return None
    data = read_values(path, pick)
    if not isinstance(data, dict) or data.get("format") != SEARCH_FORMAT:
        written_network(data, str(path))  # which says what is wrong with a file that is neither
        return None
    read_network(path, pick)  # and this with a damaged result
    return data
