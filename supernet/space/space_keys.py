"""Reference of every key of a space's TOML, made of the tables that read it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, get_args

from bench.reading.annotations import bare, expected, fields_of, is_table
from supernet.space.tables import TABLES

_MOST = ", at most 32767"  # said once for all


@dataclass(frozen=True, slots=True)
class Key:
    """Key of the TOML: its allowed values, its meaning, and its default (None if required)."""

    name: str
    values: str
    meaning: str
    default: str | None = None


Tables = Mapping[str, Sequence[Key]]


def _tables(cls: Any) -> Tables:
    """Keys by table, "" for those outside of any."""
    found = {"": list(_keys(cls))}
    for name, annotation in fields_of(cls).items():
        kind = bare(annotation)
        inner = kind if is_table(kind) else (get_args(kind) or (None,))[0]
        if is_table(inner):
            found[name] = list(_keys(inner))
    return found


def _keys(cls: Any) -> Iterator[Key]:
    annotations = fields_of(cls)
    for field in fields(cls):
        annotation = annotations[field.name]
        meaning = [entry for entry in get_args(annotation)[1:] if isinstance(entry, str)]
        if meaning:
            values = expected(annotation).removesuffix(_MOST)
            default = None if field.default is MISSING else _shown(field.default)
            yield Key(field.name, values, meaning[0], default)


def _shown(default: Any) -> str:
    if isinstance(default, bool) or default is None:
        return str(default).lower()
    return str(list(default) if isinstance(default, tuple) else default)


KEYS: Mapping[str, Tables] = {family: _tables(cls) for family, cls in TABLES.items()}


def reference() -> str:
    """Return all keys as text, one per line, by family and table."""
    lines = []
    for family, tables in KEYS.items():
        for table, keys in tables.items():
            heading = {"": "every space of it", "stages": "[[stages]], one or more"}
            lines.append(f"\n{family}, {heading.get(table, f'[{table}]')}:")
            for key in keys:
                default = "required" if key.default is None else f"default {key.default}"
                lines.append(f"  {key.name:16} {key.meaning}")
                lines.append(f"  {'':16}   {key.values}; {default}")
    return "\n".join(lines).strip() + "\n"
