"""Search result of a deployment, read from its file."""

import json
from pathlib import Path
from typing import Any

from bench.digests import content_digest
from bench.files import parse_json, read_bytes


def digest_of_search(path: Path) -> str:
    """Return a digest of a search's result without its provenance, or of another file's content."""
    content = read_bytes(path)
    try:
        values = parse_json(content)
    except ValueError:
        return content_digest(content)
    if isinstance(values, dict):
        values.pop("provenance", None)
    return content_digest(json.dumps(values, sort_keys=True))


def read_search(path: Path | None, pick: int | None = None) -> dict[str, Any] | None:
    """Return the JSON values of a search's result; None if `path` is None or an archs file."""
    from supernet.search.result_file import FORMAT as SEARCH_FORMAT
    from supernet.search.result_file import read_network, read_values
    from supernet.space.arch_file import written_network

    if path is None:
        return None
    data = read_values(path, pick)
    if not isinstance(data, dict) or data.get("format") != SEARCH_FORMAT:
        written_network(data, str(path))  # raises if the file is neither
        return None
    read_network(path, pick)  # raises if the result is damaged
    return data
