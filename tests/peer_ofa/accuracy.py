"""Accuracies by a predictor of `ofa`, in its own process: `python -m tests.peer_ofa.accuracy F`.

F is a folder with `request.json`: `peer`, `encoder` (MobileNetArchEncoder or ResNetArchEncoder),
`options` of it, `space_type` (mbv3 or mbv2), `hidden_size`, `n_layers`, `seed`, and `networks` as
its encoder takes them. Written there are `predictor.pth`, as a training run of theirs saves it, and
`answers.json`, the predicted accuracies and the one-hot inputs.
"""

import importlib
import json
import sys
import types
from pathlib import Path

import torch

from tests.peer_ofa.networks import import_peer


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    request = json.loads((folder / "request.json").read_text())
    tqdm = types.ModuleType("tqdm")  # its data sets print a progress bar; none is built here
    tqdm.tqdm = None  # type: ignore[attr-defined]
    sys.modules.setdefault("tqdm", tqdm)
    import_peer(Path(request["peer"]))
    peer = importlib.import_module("ofa.nas.accuracy_predictor")
    encoder_class = getattr(peer, request["encoder"])
    if "space_type" in request:
        encoder_class = type("Encoder", (encoder_class,), {"SPACE_TYPE": request["space_type"]})
    encoder = encoder_class(**request["options"])
    torch.manual_seed(request["seed"])
    predictor = peer.AccuracyPredictor(
        encoder, request["hidden_size"], request["n_layers"], device="cpu"
    )
    predictor.base_acc.data.fill_(0.75)
    torch.save({"state_dict": predictor.state_dict()}, folder / "predictor.pth")
    networks = request["networks"]
    with torch.no_grad():
        answers = predictor.predict_acc(networks).tolist()
    inputs = [encoder.arch2feature(network).tolist() for network in networks]
    (folder / "answers.json").write_text(json.dumps({"accuracy": answers, "inputs": inputs}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
