"""Distillation: the full network as teacher, and the loss."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from supernet.data.batch_stream import Batch, BatchRequest, Source
from supernet.train.recalibrate import BATCH, CALIBRATION_IMAGES, channels_last, recalibrate
from supernet.weights.model import SuperNet
from supernet.weights.tensor_file import Tensors

_CHUNK = 500


class Teacher:
    """Frozen full network that predicts class probabilities (n, classes) for a batch.

    Where images repeat, probabilities are computed once, at the network's largest resolution, which
    makes a better teacher. Otherwise it gets the same images as the student.
    """

    def __init__(self, network: nn.Sequential, source: Source, resolution: int) -> None:
        self.network = network.eval().requires_grad_(False)
        device = next(network.parameters()).device
        self._known: Tensor | None = None
        if source.repeats:
            self._known = soft_labels(network, source, resolution, device)

    @classmethod
    def freeze(cls, supernet: SuperNet, source: Source) -> "Teacher":
        """Take the current full network, with recalibrated batch norms."""
        arch = supernet.space.largest()
        network = channels_last(supernet.extract(arch))
        images = source.calibration(CALIBRATION_IMAGES, arch.resolution)
        images = images.to(next(network.parameters()).device)
        recalibrate(network, images, min(BATCH, len(images)))
        return cls(network, source, arch.resolution)

    @classmethod
    def load(cls, supernet: SuperNet, source: Source, state: Tensors) -> "Teacher":
        """Load the teacher of a checkpoint."""
        arch = supernet.space.largest()
        network = channels_last(supernet.extract(arch))
        network.load_state_dict(state)
        return cls(network, source, arch.resolution)

    @torch.no_grad()
    def labels(self, batch: Batch, images: Tensor) -> Tensor:
        """Return soft labels of a batch, whose `images` are on the teacher's device."""
        if self._known is not None:
            return self._known[batch.index.to(self._known.device)]
        return F.softmax(self.network(images).float(), dim=1)


@torch.no_grad()
def soft_labels(
    teacher: nn.Module, source: Source, resolution: int, device: torch.device
) -> Tensor:
    """Return the teacher's class probabilities (images, classes) for all images of a source."""
    indices = torch.arange(len(source)).numpy()
    requests = [
        BatchRequest(images=indices[start : start + _CHUNK], resolution=resolution, seed=(0,))
        for start in range(0, len(source), _CHUNK)
    ]
    logits = [teacher(batch.images.to(device)) for batch in source.stream(requests)]
    return F.softmax(torch.cat(logits), dim=1)


def loss_of(
    logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float,
    soft: Tensor | None,
    distillation: float,
) -> Tensor:
    """Return cross-entropy with `labels` + `distillation` * that with `soft` (n, classes).

    `labels` are (n,), or the shares of the classes (n, classes).
    """
    loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    if soft is not None:
        loss = loss + distillation * F.cross_entropy(logits, soft)
    return loss
