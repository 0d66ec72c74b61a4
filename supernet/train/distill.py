"""The full network as teacher, and the distillation loss."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from supernet.data.batch_stream import Batch, BatchRequest, Source
from supernet.train.recalibrate import BATCH, CALIBRATION_IMAGES, channels_last, recalibrate
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors

_CHUNK = 500


class Teacher:
    """The frozen full network; gives class probabilities (n, classes) for a batch.

    Where images repeat, each one's are worked out once, at the network's own largest resolution
    whatever the pupil sees, which makes it the better teacher. Else it sees what the pupil sees.
    """

    def __init__(self, network: nn.Sequential, source: Source, resolution: int) -> None:
        self.network = network.eval().requires_grad_(False)
        device = next(network.parameters()).device
        self._known: Tensor | None = None
        if source.repeats:
            self._known = soft_labels(network, source, resolution, device)

    @classmethod
    def freeze(cls, supernet: SuperNet, source: Source) -> "Teacher":
        """Take the full network as it is now, with batch-norm statistics of its own."""
        arch = supernet.space.largest()
        network = channels_last(supernet.extract(arch))
        images = source.calibration(CALIBRATION_IMAGES, arch.resolution)
        images = images.to(next(network.parameters()).device)
        recalibrate(network, images, min(BATCH, len(images)))
        return cls(network, source, arch.resolution)

    @classmethod
    def load(cls, supernet: SuperNet, source: Source, state: Tensors) -> "Teacher":
        """Take the teacher that a checkpoint holds."""
        arch = supernet.space.largest()
        network = channels_last(supernet.extract(arch))
        network.load_state_dict(state)
        return cls(network, source, arch.resolution)

    @torch.no_grad()
    def labels(self, batch: Batch, images: Tensor) -> Tensor:
        """Soft labels of a batch whose images, on this network's device, are `images`."""
        if self._known is not None:
            return self._known[batch.index.to(self._known.device)]
        return F.softmax(self.network(images).float(), dim=1)


@torch.no_grad()
def soft_labels(
    teacher: nn.Module, source: Source, resolution: int, device: torch.device
) -> Tensor:
    """Class probabilities (images, classes) that the teacher gives to every image of a source."""
    everything = torch.arange(len(source)).numpy()
    wanted = [
        BatchRequest(images=everything[start : start + _CHUNK], resolution=resolution, seed=(0,))
        for start in range(0, len(source), _CHUNK)
    ]
    found = [teacher(batch.images.to(device)) for batch in source.stream(wanted)]
    return F.softmax(torch.cat(found), dim=1)


def loss_of(
    logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float,
    soft: Tensor | None,
    distillation: float,
) -> Tensor:
    """Cross-entropy with `labels` (n,), plus `distillation` times that with `soft` (n, classes)."""
    loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    if soft is not None:
        loss = loss + distillation * F.cross_entropy(logits, soft)
    return loss
