"""Write metadata into a TFLite file: normalisation of its input, names of its outputs.

The format is TensorFlow's: a flatbuffer (metadata_schema.fbs, identifier M001) in the model's
buffer TFLITE_METADATA, and the label file in a zip archive after the model. Field numbers below are
those of that schema and of TFLite's schema.fbs.
"""

import io
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import flatbuffers
import numpy as np
from flatbuffers import number_types
from flatbuffers.table import Table

from supernet.data.class_names import LABELS, ClassNames, labels_text
from supernet.export.model_card import Normalisation

_METADATA = "TFLITE_METADATA"
_FILE_IDENTIFIER, _METADATA_IDENTIFIER = b"TFL3", b"M001"
_PARSER_VERSION = "1.0.0"  # of the schema; the first one with everything used here
_ALIGNMENT = 16
_BUFFERS, _ENTRIES = 4, 6  # fields of Model
_BUFFER_POSITION = 1  # field of Buffer; 0 and 1 stand for data inside of the flatbuffer
_AXIS_LABELS = 2  # of AssociatedFileType
_RGB, _GREY = 1, 2  # of ColorSpaceType
_IMAGE, _NORMALISATION = 2, 1  # of the unions ContentProperties and ProcessUnitOptions
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # fixed, so that equal models are equal files


@dataclass(frozen=True, slots=True)
class _Field:
    """Field of a flatbuffer's table: its number, and a value or the offset of an object."""

    number: int
    kind: str  # "offset" or a scalar kind of the flatbuffers library
    value: int


def with_metadata(content: bytes, names: ClassNames, normalisation: Normalisation) -> bytes:
    """Return the TFLite model `content` with metadata; tensors and weights do not change.

    A flatbuffer refers only to later positions, so a new root table is placed before the old one,
    and everything else stays in place relative to the end.
    """
    metadata = _metadata(normalisation)
    content += bytes(-len(content) % _ALIGNMENT)
    builder = flatbuffers.Builder(len(content) + len(metadata) + (1 << 12))
    builder.head = flatbuffers.builder.UOffsetTFlags.py_type(len(builder.Bytes) - len(content))
    builder.Bytes[builder.head :] = content
    builder.minalign = _ALIGNMENT
    old = _Reader(content)
    buffer = _table(builder, 3, [_Field(0, "offset", _bytes(builder, metadata))])
    entry_name = builder.CreateString(_METADATA)
    entry = _table(
        builder,
        2,
        [_Field(0, "offset", entry_name), _Field(1, "Uint32", len(old.vector(_BUFFERS)))],
    )
    changed = {
        _BUFFERS: _vector(builder, [*old.vector(_BUFFERS), buffer]),
        _ENTRIES: _vector(builder, [*old.vector(_ENTRIES), entry]),
    }
    unchanged = {number: offset for number, offset in old.objects.items() if number not in changed}
    fields = [
        _Field(number, "offset", offset) for number, offset in {**unchanged, **changed}.items()
    ]
    fields.append(_Field(0, "Uint32", old.version))
    builder.Finish(_table(builder, max(old.fields, _ENTRIES + 1), fields), _FILE_IDENTIFIER)
    made = bytearray(builder.Output())
    _move_outside_data(made, len(made) - len(content))
    return _with_file(bytes(made), LABELS, labels_text(names))


def _move_outside_data(content: bytearray, by_bytes: int) -> None:
    """Correct where buffers find data that is stored outside of the flatbuffer.

    Larger weights of quantised files are: their buffers have a position from the file's start.
    """
    reader = _Reader(bytes(content))
    for offset in reader.vector(_BUFFERS):
        table = Table(content, len(content) - offset)
        field = table.Offset(4 + 2 * _BUFFER_POSITION)
        if field and (position := table.Get(number_types.Uint64Flags, table.Pos + field)) > 1:
            struct.pack_into("<Q", content, table.Pos + field, position + by_bytes)


class _Reader:
    """Root table (Model) of a TFLite file; offsets are relative to the end of the file."""

    def __init__(self, content: bytes) -> None:
        self._length = len(content)
        root = flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0)
        self._table = Table(bytearray(content), root)
        soffset = self._table.Get(number_types.SOffsetTFlags, root)
        self.fields = (self._table.Get(number_types.VOffsetTFlags, root - soffset) - 4) // 2
        self.version = int(self._table.GetSlot(4, 0, number_types.Uint32Flags))
        self.objects = {
            number: self._length - self._table.Indirect(root + offset)
            for number in range(1, self.fields)
            if (offset := self._table.Offset(4 + 2 * number))
        }

    def vector(self, number: int) -> list[int]:
        """Return the offsets of the tables in a vector; empty where the field is absent."""
        offset = self._table.Offset(4 + 2 * number)
        if not offset:
            return []
        start = self._table.Vector(offset)
        return [
            self._length - self._table.Indirect(start + 4 * index)
            for index in range(self._table.VectorLen(offset))
        ]


def _metadata(normalisation: Normalisation) -> bytes:
    """Return the metadata's flatbuffer, for one image and one row of scores."""
    builder = flatbuffers.Builder(1024)
    options = _table(
        builder,
        2,
        [
            _Field(0, "offset", _floats(builder, normalisation.mean)),
            _Field(1, "offset", _floats(builder, normalisation.std)),
        ],
    )
    unit = _table(builder, 2, [_Field(0, "Uint8", _NORMALISATION), _Field(1, "offset", options)])
    colour = _RGB if len(normalisation.mean) == 3 else _GREY
    image = _table(builder, 2, [_Field(0, "Int8", colour)])
    content = _table(builder, 3, [_Field(0, "Uint8", _IMAGE), _Field(1, "offset", image)])
    input_fields = [
        _Field(0, "offset", builder.CreateString("image")),
        _Field(3, "offset", content),
        _Field(4, "offset", _vector(builder, [unit])),
    ]
    labels = [
        _Field(0, "offset", builder.CreateString(LABELS)),
        _Field(1, "offset", builder.CreateString("Names of the classes, one a line")),
        _Field(2, "Int8", _AXIS_LABELS),
    ]
    files = _vector(builder, [_table(builder, 4, labels)])
    output_fields = [
        _Field(0, "offset", builder.CreateString("logits")),
        _Field(6, "offset", files),
    ]
    tensors = [
        _vector(builder, [_table(builder, 7, fields)]) for fields in (input_fields, output_fields)
    ]
    graph = _table(
        builder, 7, [_Field(2 + i, "offset", tensor) for i, tensor in enumerate(tensors)]
    )
    model = [
        _Field(0, "offset", builder.CreateString("Image classifier")),
        _Field(3, "offset", _vector(builder, [graph])),
        _Field(7, "offset", builder.CreateString(_PARSER_VERSION)),
    ]
    builder.Finish(_table(builder, 8, model), _METADATA_IDENTIFIER)
    return bytes(builder.Output())


def _table(builder: flatbuffers.Builder, size: int, fields: Sequence[_Field]) -> int:
    builder.StartObject(size)
    for field in fields:
        if field.kind == "offset":
            builder.PrependUOffsetTRelativeSlot(field.number, field.value, 0)
        else:
            getattr(builder, f"Prepend{field.kind}Slot")(field.number, field.value, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    return int(builder.CreateNumpyVector(np.asarray(values, dtype=np.float32)))


def _bytes(builder: flatbuffers.Builder, content: bytes) -> int:
    """Write a vector of bytes, aligned as TFLite requires for buffers."""
    builder.StartVector(1, len(content), _ALIGNMENT)
    builder.head -= len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    return int(builder.EndVector())


def _with_file(content: bytes, name: str, text: str) -> bytes:
    """Append a zip archive with one file, which readers of the model ignore."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:  # stored, since some readers cannot inflate
        archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), text.encode())
    return buffer.getvalue()
