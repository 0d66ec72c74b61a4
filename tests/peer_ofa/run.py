"""What a network of `ofa` computes, in a process of its own: `python -m tests.peer_ofa.run FOLDER`.

FOLDER holds `request.json` (`peer`, `space`, `seed`, and the archs of `forward` and `train`) and
`images.safetensors` (an image batch for each arch, `forward.0`, ..., `train.0`, ..., and labels).
Written there are `weights.pt`, the network's state dict as `ofa` saves it, and
`answers.safetensors`: logits in evaluation mode in float32 and float64, then one training step's
gradients and, after it, running statistics, in float64 and by their names.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tests.peer_ofa.networks import activate, build_peer, import_peer


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    request = json.loads((folder / "request.json").read_text())
    images = load_file(folder / "images.safetensors")
    network = build_peer(import_peer(Path(request["peer"])), request["space"], request["seed"])
    torch.save({"epoch": 1, "state_dict": network.state_dict()}, folder / "weights.pt")
    answers: dict[str, Tensor] = {}
    for dtype in (torch.float32, torch.float64):
        network.to(dtype).eval()
        for i, arch in enumerate(request["forward"]):
            activate(network, request["space"], arch)
            with torch.no_grad():
                answers[f"{dtype}.{i}"] = network(images[f"forward.{i}"].to(dtype))
    network.train()
    for i, arch in enumerate(request["train"]):
        activate(network, request["space"], arch)
        answers |= trained(network, images[f"train.{i}"], images[f"labels.{i}"], i)
    save_file(answers, folder / "answers.safetensors")


def trained(network: nn.Module, images: Tensor, labels: Tensor, i: int) -> dict[str, Tensor]:
    network.zero_grad()
    loss = F.cross_entropy(network(images.double()), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    found: dict[str, Any] = {
        f"grad.{i}.{name}": parameter.grad.clone()
        for name, parameter in network.named_parameters()
        if parameter.grad is not None
    }
    return found | {f"buffer.{i}.{name}": b.clone() for name, b in network.named_buffers()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
