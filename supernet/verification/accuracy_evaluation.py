"""Measure the accuracy of an exported file on test images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError
from supernet.data.class_names import check_same
from supernet.data.dataset import Score, resize, score
from supernet.data.open_data import get_dataset
from supernet.data.parts import DataParts, Images
from supernet.export.export import run_file
from supernet.export.model_card import ModelCard, Normalisation

IMAGES_AT_ONCE = 500


def normalisation_of(data: DataParts) -> Normalisation:
    """Return the normalisation of a data set, for the card of a network trained on it."""
    return Normalisation(mean=data.mean, std=data.spread)


@dataclass(frozen=True)
class AccuracyEvaluation:
    """Measures the accuracy of exported files on the test images of a data set."""

    data: DataParts
    card: ModelCard
    most: int | None = None  # images; all where None

    @classmethod
    def on(
        cls, name: str | DataParts, card: ModelCard, most: int | None = None
    ) -> "AccuracyEvaluation":
        """Open a data set by name, or take an open one, and check that it fits the network.

        Raises `InputError` where the data set does not exist or does not fit.
        """
        first, classes = card.blocks[0], card.blocks[-1].out_channels
        if isinstance(name, str):
            data = get_dataset(name, channels=first.in_channels, size=first.in_size)
        else:
            data, name = name, name.name
        if (data.channels, data.classes) != (first.in_channels, classes):
            raise InputError(
                f"data set {name} has {data.channels} channels and {data.classes} classes, the "
                f"network {first.in_channels} and {classes}"
            )
        check_same(card.class_names, data.class_names, name)
        if normalisation_of(data) != card.normalisation:
            raise InputError(
                f"the network was exported for images prepared by {card.normalisation}, data set "
                f"{name} gives {normalisation_of(data)}"
            )
        return cls(data, card, most)

    def __call__(self, content: bytes) -> Score:
        """Return the accuracy of a file on the test images, with its error."""
        from bench.backends.registry import get_backend

        backend, size = get_backend(self.card.backend), self.card.blocks[0].in_size
        correct: list[NDArray[np.bool_]] = []
        groups: list[NDArray[np.int64]] = []
        for part in self._test().chunks(IMAGES_AT_ONCE):
            images = resize(part.images, size).contiguous().numpy()
            outputs = run_file(content, backend, images, self.card.precision)
            correct.append(outputs.argmax(axis=1) == part.labels.numpy())
            groups.append(part.groups.numpy())
        return score(np.concatenate(correct), np.concatenate(groups))

    def _test(self) -> Images:
        test = self.data.test
        if self.most is None or self.most >= len(test):
            return test
        return test.subset(self.most, np.random.default_rng(0))
