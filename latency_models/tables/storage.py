"""Parquet files that describe themselves: a pandas table with JSON metadata."""

import codecs
import html
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata as distributions
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import FileError, InputError, first_line
from bench.files import VALUE_DAMAGE, parse_json, read_bytes, write_bytes
from bench.protocol.target import Target

_KEY = b"ofabench"
# What pyarrow makes of a damaged file, and of the description of a frame that pandas leaves in it.
_DAMAGE = (OSError, ValueError, TypeError, LookupError, AttributeError, AssertionError)
SCHEMA_VERSION = 1
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(content: bytes) -> str:
    """Text of a file in UTF-8 or, with a byte order mark, UTF-16; `InputError` where it is none."""
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), "utf-8-sig")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"it is no text ({error})") from error


def save_frame(path: Path, frame: pd.DataFrame, *, what: str, metadata: Mapping[str, Any]) -> None:
    """Write `frame` and `metadata` (JSON values) as one parquet file, whole or not at all.

    `what` says what the file is ("latency table", ...); `load_frame` asks for it again.
    """
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pandas(frame, preserve_index=False)
    told = {"what": what, "schema_version": SCHEMA_VERSION, **metadata}
    known = table.schema.metadata or {}
    table = table.replace_schema_metadata({**known, _KEY: json.dumps(told).encode()})
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    write_bytes(path, buffer.getvalue())


def html_of(summary: object, frame: pd.DataFrame) -> str:
    """Return HTML for notebooks: a summary in a line, and the frame, shortened where it is long."""
    return f"<p>{html.escape(str(summary))}</p>\n{frame.to_html(max_rows=10, max_cols=20)}"


def load_frame(path: Path, *, what: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read back what `save_frame` wrote; `FileError` where the file is another's, or damaged."""
    frame, metadata = load_any_frame(path)
    if metadata.get("what") != what:
        found = metadata.get("what", "parquet of another program")
        raise FileError(f"{path} is a {found}, expected a {what} written by ofabench")
    if metadata.get("schema_version") != SCHEMA_VERSION:
        raise FileError(
            f"{path} has schema version {metadata.get('schema_version')}, expected "
            f"{SCHEMA_VERSION}: make it again with this version of ofabench"
        )
    return frame, metadata


def load_any_frame(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read any parquet file; the metadata are empty where ofabench did not write it."""
    import pyarrow as pa
    from pyarrow import parquet

    content = read_bytes(path)
    try:
        table = parquet.read_table(pa.BufferReader(content))
        table.validate(full=True)  # texts that are none would fail where they are used
        frame: pd.DataFrame = table.to_pandas()
        told = (table.schema.metadata or {}).get(_KEY)
        metadata = parse_json(told) if told is not None else {}
    except (pa.ArrowException, *_DAMAGE) as error:
        raise _unreadable(path, error) from error
    if not isinstance(metadata, dict):
        raise FileError(f"{path} has damaged metadata; make it again")
    return frame, metadata


def _unreadable(path: Path, error: BaseException) -> FileError:
    return FileError(
        f"{path} is not a readable parquet file ({first_line(error)}); copy or make it again"
    )


def kind_of(path: Path) -> str | None:
    """What a file of ours is, as "latency table"; None for others' parquet files.

    `FileError` where it is no parquet file; its rows are not read.
    """
    import pyarrow as pa
    from pyarrow import parquet

    content = read_bytes(path)
    try:
        told = (parquet.read_schema(pa.BufferReader(content)).metadata or {}).get(_KEY)
        metadata = parse_json(told) if told is not None else {}
    except (pa.ArrowException, *_DAMAGE) as error:
        raise _unreadable(path, error) from error
    kind = metadata.get("what") if isinstance(metadata, dict) else None
    return kind if isinstance(kind, str) else None


def require_columns(path: Path, frame: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Check names and types (`text`, `int`, `float`, `bool`) of a file's columns."""
    checks = {
        "text": pd.api.types.is_string_dtype,
        "int": pd.api.types.is_integer_dtype,
        "float": pd.api.types.is_float_dtype,
        "bool": pd.api.types.is_bool_dtype,
    }
    for name, wanted in columns.items():
        if name not in frame.columns:
            raise FileError(f"{path} lacks the column {name!r}; make it again")
        # A column of texts without any row has no type of its own.
        if len(frame) and not checks[wanted](frame[name]):
            raise FileError(f"{path}: column {name!r} is {frame[name].dtype}, expected {wanted}")


def target_and_provenance(metadata: Mapping[str, Any]) -> tuple[Target, dict[str, Any]]:
    """Both from a file's metadata; `InputError` where they are absent or not what they must be."""
    target, provenance = metadata.get("target"), metadata.get("provenance")
    if not isinstance(target, dict) or not isinstance(provenance, dict):
        raise InputError("its metadata lack the target or the provenance")
    try:
        return Target.from_json(target), provenance
    except VALUE_DAMAGE as error:
        raise InputError(f"its target is damaged ({error})") from error


def origin() -> dict[str, str]:
    """Date (UTC) and code version for the provenance of a file that is made now."""
    try:
        version = distributions.version("ofabench")
    except distributions.PackageNotFoundError:
        version = "not installed"
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "code_version": version}
