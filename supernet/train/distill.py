"""The full network as teacher: its soft labels, worked out once for each image."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from supernet.model import SuperNet
from supernet.train.dataset import Dataset, resize
from supernet.train.recalibrate import BATCH, CALIBRATION_IMAGES, channels_last, recalibrate

_CHUNK = 500


def make_teacher(supernet: SuperNet, dataset: Dataset) -> nn.Sequential:
    """Freeze the full network as it is now, with its own batch-norm statistics."""
    arch = supernet.space.largest()
    teacher = channels_last(supernet.extract(arch))
    images = resize(dataset.images[:CALIBRATION_IMAGES], arch.resolution)
    recalibrate(teacher, images, min(BATCH, len(images)))
    return teacher.requires_grad_(False)


@torch.no_grad()
def soft_labels(teacher: nn.Module, dataset: Dataset, resolution: int) -> Tensor:
    """Class probabilities (n, classes) that the teacher gives to every image.

    Images are the same in every epoch, so once is enough; and the teacher sees them at its own
    largest resolution whatever the pupil sees, which makes it the better teacher.
    """
    teacher.eval()
    found = [
        teacher(resize(images, resolution).contiguous(memory_format=torch.channels_last))
        for images, _ in dataset.in_order(_CHUNK)
    ]
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
