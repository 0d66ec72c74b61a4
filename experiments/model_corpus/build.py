"""Export the corpus as ONNX, and part of it as TFLite, with a manifest.

    python -m experiments.model_corpus.build --out CORPUS [--tflite] [--only NAME,NAME] [--part 0/2]

Runs in an environment with requirements.txt. Weights are random; batch norms have the statistics of
a random batch and random scales, since zero ones let converters fold whole blocks away. Files that
exist are kept. Each part writes a manifest and NAME.onnx of each row; a second run with --tflite
writes NAME.tflite of some rows.
"""

import argparse
import sys
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from experiments.model_corpus.catalogue import Entry, catalogue, tflite_entries
from experiments.model_corpus.corpus import write_manifest
from experiments.model_corpus.own_nets import own_net

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def main() -> int:
    parser = argparse.ArgumentParser(description="Export the corpus.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tflite", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--part", default="0/1", help="of the models, such as 0/2")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    part, parts = map(int, args.part.split("/"))
    names = set(filter(None, args.only.split(",")))
    every = tflite_entries() if args.tflite else catalogue()
    entries = [each for each in every if not names or each.name in names][part::parts]
    rows: list[dict[str, Any]] = []
    for place, entry in enumerate(entries, 1):
        started = time.monotonic()
        try:
            rows.append(exported(entry, args.out, tflite=args.tflite))
            note = f"{rows[-1]['macs'] / 1e6:.0f} MMACs"
        except Exception as error:  # a model that cannot be exported is left out
            note = f"FAILED {' '.join(str(error).split())[:160]}"
        seconds = time.monotonic() - started
        print(f"{place}/{len(entries)} {entry.name}: {note}, {seconds:.1f} s", flush=True)
    if rows and not args.tflite:
        write_manifest(args.out / f"manifest-{part}of{parts}.csv", rows)
    return 0 if rows else 2


def exported(entry: Entry, out: Path, *, tflite: bool) -> dict[str, Any]:
    """Export one model, and return its row of the manifest."""
    torch.manual_seed(zlib.crc32(entry.name.encode()))
    onnx_path, tflite_path = out / f"{entry.name}.onnx", out / f"{entry.name}.tflite"
    module, inputs = network(entry)
    randomise(module, inputs)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = module(*inputs)
    if not torch.isfinite(output).all():
        raise ValueError("its output is not finite")
    if not onnx_path.exists():
        export_onnx(module, inputs, onnx_path)
    if tflite and not tflite_path.exists():
        export_tflite(module, inputs, tflite_path)
    return {
        "name": entry.name,
        "family": entry.family,
        "role": entry.role,
        "macs": counter.get_total_flops() // 2,
        "bytes": onnx_path.stat().st_size,
    }


def network(entry: Entry) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """Return a model in evaluation mode with example inputs."""
    image = torch.randn(1, 3, entry.size, entry.size)
    if entry.source == "own":
        module, inputs = own_net(entry.model)
        return module.eval(), inputs
    if entry.source == "timm":
        import timm

        return timm.create_model(entry.model, pretrained=False).eval(), (image,)
    import torchvision

    extra: dict[str, Any] = {"weights": None}
    if entry.source == "segmentation":
        extra["weights_backbone"] = None
    elif entry.family == "inception":
        extra |= {"init_weights": True, "aux_logits": False}
    module = torchvision.models.get_model(entry.model, **extra)
    return (Out(module) if entry.source == "segmentation" else module).eval(), (image,)


class Out(nn.Module):
    """The segmentation alone, of a module that returns a dictionary."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.module(x)["out"]
        return result


def randomise(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
    """Give batch norms the statistics of a random batch, and all that is zero random values."""
    norms = [each for each in module.modules() if isinstance(each, NORMS)]
    with torch.no_grad():
        for norm in norms:
            norm.train()
            norm.momentum = 1.0
        for name, parameter in module.named_parameters():
            if not parameter.any():
                low = 0.5 if name.endswith("weight") and parameter.dim() == 1 else -0.1
                parameter.uniform_(low, low + 1 if low > 0 else 0.1)
        if norms:
            module(*(torch.cat([each, torch.randn_like(each)]) for each in inputs))
        for norm in norms:
            norm.eval()
            if norm.affine:
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.normal_(0, 0.1)


def export_onnx(module: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """Export by torch's older exporter, which takes seconds; by the newer one where it cannot."""
    partial = path.with_suffix(".partial")
    try:
        torch.onnx.export(module, inputs, str(partial), opset_version=17, dynamo=False)
    except Exception:  # whatever it is, the other exporter is tried
        torch.onnx.export(
            module, inputs, str(partial), dynamo=True, verbose=False, external_data=False
        )
    partial.rename(path)


def export_tflite(module: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """Convert by litert-torch; a model that it cannot convert has no TFLite file."""
    import litert_torch

    try:
        litert_torch.convert(module, inputs).export(str(path))
    except Exception as error:  # converters raise anything
        print(f"{path.name}: no TFLite file: {' '.join(str(error).split())[:160]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
