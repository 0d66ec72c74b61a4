"""Write class names into a model file, where its format supports them."""

import json

from supernet.data.class_names import ClassNames
from supernet.export.model_card import Normalisation

ONNX_KEY = "class_names"  # of ModelProto.metadata_props; its value is a JSON list


def with_class_names(
    content: bytes, backend: str, names: ClassNames, normalisation: Normalisation
) -> bytes:
    """Return the model file `content` with `names` in its metadata; unchanged without names.

    ONNX: metadata_props. TFLite: metadata with an associated labels.txt, and the normalisation.
    Other formats do not support them: the card beside the file has the names.
    """
    if not names:
        return content
    if backend == "onnx":
        import onnx

        extra = onnx.ModelProto()
        extra.metadata_props.add(key=ONNX_KEY, value=json.dumps(names))
        # Concatenated serialised messages are one message with the fields of both.
        return content + bytes(extra.SerializeToString())
    if backend == "tflite":
        from supernet.export.tflite_metadata import with_metadata

        return with_metadata(content, names, normalisation)
    return content
