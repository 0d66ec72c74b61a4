"""Read and write parquet files of a pandas table with JSON metadata."""

import codecs
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
# Errors of pyarrow for a damaged file, and for damaged pandas metadata in it.
_DAMAGE = (OSError, ValueError, TypeError, LookupError, AttributeError, AssertionError)
SCHEMA_VERSION = 1
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(content: bytes) -> str:
    """Decode UTF-8 or, with a byte order mark, UTF-16; `InputError` where it is not text."""
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), "utf-8-sig")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"it is not text ({error})") from error


def save_frame(path: Path, frame: pd.DataFrame, *, what: str, metadata: Mapping[str, Any]) -> None:
    """Write `frame` and `metadata` (JSON values) as one parquet file, atomically.

    `what` is the kind of the file ("latency table", ...), which `load_frame` checks.
    """
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pandas(frame, preserve_index=False)
    own_metadata = {"what": what, "schema_version": SCHEMA_VERSION, **metadata}
    other_metadata = table.schema.metadata or {}
    table = table.replace_schema_metadata(
        {**other_metadata, _KEY: json.dumps(own_metadata).encode()}
    )
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    write_bytes(path, buffer.getvalue())


def load_frame(path: Path, *, what: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a file of `save_frame`; `FileError` where it is of another program or damaged."""
    frame, metadata = load_any_frame(path)
    if metadata.get("what") != what:
        kind = metadata.get("what", "parquet of another program")
        got, expected = with_article(str(kind)), with_article(what)
        raise FileError(f"{path} is {got}, expected {expected} written by ofabench")
    if metadata.get("schema_version") != SCHEMA_VERSION:
        raise FileError(
            f"{path} has schema version {metadata.get('schema_version')}, expected "
            f"{SCHEMA_VERSION}: make it again with this version of ofabench"
        )
    return frame, metadata


def with_article(kind: str) -> str:
    """Return the kind of a file with `a` or `an`, for messages."""
    return f"an {kind}" if kind[:1] in set("aeiou") else f"a {kind}"


def load_any_frame(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read any parquet file; metadata are empty where ofabench did not write it."""
    import pyarrow as pa
    from pyarrow import parquet

    content = read_bytes(path)
    try:
        table = parquet.read_table(pa.BufferReader(content))
        table.validate(full=True)  # finds invalid text here rather than where it is used
        frame: pd.DataFrame = table.to_pandas()
        own_metadata = (table.schema.metadata or {}).get(_KEY)
        metadata = parse_json(own_metadata) if own_metadata is not None else {}
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
    """Return the kind of an ofabench file, such as "latency table"; None for other parquet files.

    Rows are not read. Raises `FileError` where it is not a parquet file.
    """
    import pyarrow as pa
    from pyarrow import parquet

    content = read_bytes(path)
    try:
        own_metadata = (parquet.read_schema(pa.BufferReader(content)).metadata or {}).get(_KEY)
        metadata = parse_json(own_metadata) if own_metadata is not None else {}
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
    for name, dtype in columns.items():
        if name not in frame.columns:
            raise FileError(f"{path} lacks the column {name!r}; make it again")
        # An empty column of text has no type.
        if len(frame) and not checks[dtype](frame[name]):
            raise FileError(f"{path}: column {name!r} is {frame[name].dtype}, expected {dtype}")


def target_and_provenance(metadata: Mapping[str, Any]) -> tuple[Target, dict[str, Any]]:
    """Return both from a file's metadata; `InputError` where they are absent or invalid."""
    target, provenance = metadata.get("target"), metadata.get("provenance")
    if not isinstance(target, dict) or not isinstance(provenance, dict):
        raise InputError("its metadata lack the target or the provenance")
    try:
        return Target.from_json(target), provenance
    except VALUE_DAMAGE as error:
        raise InputError(f"its target is damaged ({error})") from error


def origin() -> dict[str, str]:
    """Return the current date (UTC) and the code version, for the provenance of a new file."""
    try:
        version = distributions.version("ofabench")
    except distributions.PackageNotFoundError:
        version = "not installed"
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "code_version": version}
