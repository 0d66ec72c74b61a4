"""Import of a once-for-all network of OFA's authors as a supernet."""

import logging
from pathlib import Path

from ofabench.workflows.space import load_space
from ofabench.workflows.train.supernet import SuperNet
from supernet.data.open_data import Data
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import Checkpoint, Recipe, save_checkpoint
from supernet.train.schedule import IMPORTED, Schedule
from supernet.weights.import_ofa import import_ofa
from supernet.weights.torch_file import read_state

_LOG = logging.getLogger(__name__)


def import_ofa_supernet(
    file: Path | str,
    space: SearchSpace | str | Path,
    *,
    out: Path | str,
    data: Data | None = None,
) -> SuperNet:
    """Import the weights of a network of the package `ofa` as a trained supernet.

    Args:
        file: a torch file with its state dict, alone or in a checkpoint. No code in it is run.
        space: its space: ofa-mbv3-w1.0, ofa-mbv3-w1.2, ofa-proxyless-w1.3 or ofa-resnet50d.
        out: the supernet's file (safetensors).
        data: images for its sub-networks' statistics and accuracies; None to give them later.

    Raises:
        InputError: the weights are not those of the space.
        FileError: a file cannot be read or written.

    Example:
        import_ofa_supernet("ofa_mbv3_d234_e346_k357_w1.0", "ofa-mbv3-w1.0", out="s.safetensors")
    """
    space = load_space(space)
    stored = read_state(Path(file))
    network = import_ofa(stored.tensors, space, str(file))
    recipe = Recipe(space=space, schedule=Schedule.from_toml(IMPORTED), data="imagenet", seed=0)
    save_checkpoint(Path(out), Checkpoint(recipe=recipe, phase=0, epoch=0, network=network))
    if stored.left_out:
        others = ", ".join(map(repr, stored.left_out))
        _LOG.info(
            "read the weights under %r; the other entries %s are ignored", stored.place, others
        )
    return SuperNet(Path(out), data)
