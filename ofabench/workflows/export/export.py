"""`export`: a sub-network as a runtime's file, with its card."""

from pathlib import Path

from bench.errors import InputError
from ofabench.options.export import ExportOptions
from ofabench.workflows.export.graph_forms import export_backend
from ofabench.workflows.export.model_file import (
    ExportedModel,
    check_form,
    make_model,
    needs_images,
)
from ofabench.workflows.export.source import Source, open_network
from ofabench.workflows.train.broken_images import log_broken
from supernet.data.open_data import Data

__all__ = ["ExportedModel", "export"]


def export(
    network: Source,
    *,
    out: Path | str | None = None,
    options: ExportOptions | None = None,
    data: Data | None = None,
    pick: int | None = None,
) -> ExportedModel:
    """Write a sub-network as a runtime's file, checked against torch.

    Args:
        network: a pair (supernet, arch), each in memory or a file; a sub-network that
            `SuperNet.extract` returned; or the file that it or `ofabench extract` wrote. `arch` may
            also be a search's result, or one of the words largest and smallest.
        out: the model's file; its card is written as FILE.json in the same folder. None writes
            nothing.
        options: the runtime (onnx, tflite or torch), the precision, and the number of images.
        data: other images than the training's.
        pick: which network of the file `arch`, from 1.

    Returns:
        The file's content and its card: normalisation of images, difference from torch, and
        accuracy on validation images before and after. No test image is used.

    Raises:
        InputError: the network, options or images do not fit each other, or the file's outputs
            differ too much from torch's.
        FileError: a file cannot be read or written.
        MissingRuntimeError: the runtime is not installed.

    Example:
        >>> from tests.support.micro_supernets import micro_images, save_micro
        >>> supernet = save_micro("supernet.safetensors")
        >>> model = export((supernet, "smallest"), data=micro_images(), out="smallest.onnx")
        >>> model.card.backend, model.card.precision, model.card.accuracies.images
        ('onnx', 'fp32', 30)
        >>> Path("smallest.onnx.json").exists()
        True
    """
    options = ExportOptions.or_defaults(options)
    if out is not None and not isinstance(out, str | Path):
        raise InputError(f"out is {out!r:.80}, expected the path of the model's file")
    check_form(options)
    extracted = open_network(network, data, pick=pick, images=needs_images(options))
    model = make_model(extracted, options, export_backend(options))
    if out is not None:
        model = model.save(out)
    if extracted.data is not None:
        log_broken(extracted.data.broken())
    return model
