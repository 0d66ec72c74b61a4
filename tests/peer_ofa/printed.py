"""Networks as `ofa` draws and prints them: `python -m tests.peer_ofa.printed FOLDER`.

FOLDER holds `request.json`: `peer`, `space`, `seed`, `drawn`, how many networks to draw, `given`,
settings of `set_active_subnet`, and `size` in px. Written there are `weights.pt`, `printed.txt`,
a line for each network as `print` writes it, and `logits.safetensors`, of one image each.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file

from tests.peer_ofa.networks import build_peer, import_peer


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    request = json.loads((folder / "request.json").read_text())
    network = build_peer(import_peer(Path(request["peer"])), request["space"], request["seed"])
    torch.save({"state_dict": network.state_dict()}, folder / "weights.pt")
    network.eval()
    random.seed(request["seed"])
    peer = cast(Any, network)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, request["size"], request["size"], generator=generator)
    lines, logits = [], {"image": image}
    for i in range(request["drawn"] + len(request["given"])):
        if i < request["drawn"]:
            settings = peer.sample_active_subnet()
        else:
            settings = request["given"][i - request["drawn"]]
            peer.set_active_subnet(**settings)
        lines.append(str({**settings, "image_size": request["size"]}))
        with torch.no_grad():
            logits[str(i)] = network(image)
    (folder / "printed.txt").write_text("\n".join(lines) + "\n")
    save_file(logits, folder / "logits.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
