"""The accuracy of an exported file on test images."""

from dataclasses import dataclass

from bench.errors import InputError
from supernet.export import Card, Normalisation, run_file
from supernet.train.dataset import DatasetParts, resize, score


def normalisation_of(data: DatasetParts) -> Normalisation:
    """How the images of a data set are prepared, for the card of a network trained on them."""
    return Normalisation(mean=(data.mean,) * data.channels, std=(data.spread,) * data.channels)


@dataclass(frozen=True)
class Judge:
    """Judges an exported file on the test images of a data set."""

    data: DatasetParts
    card: Card

    @classmethod
    def on(cls, name: str, card: Card) -> "Judge":
        """`InputError` where the data set does not exist, or is not what the network takes."""
        from supernet.train.dataset import get_dataset

        data = get_dataset(name)
        first, classes = card.blocks[0], card.blocks[-1].out_channels
        if (data.channels, data.classes) != (first.in_channels, classes):
            raise InputError(
                f"data set {name} has {data.channels} channels and {data.classes} classes, the "
                f"network {first.in_channels} and {classes}"
            )
        if normalisation_of(data) != card.normalisation:
            raise InputError(
                f"the network was exported for images prepared by {card.normalisation}, data set "
                f"{name} gives {normalisation_of(data)}"
            )
        return cls(data, card)

    def __call__(self, content: bytes) -> tuple[float, float]:
        """Accuracy of the file itself on the test images, and its standard error: fractions."""
        from bench.backends.registry import get_backend

        test, backend = self.data.test, get_backend(self.card.backend)
        images = resize(test.images, self.card.blocks[0].in_size).contiguous().numpy()
        logits = run_file(content, backend, images)
        right = logits.argmax(axis=1) == test.labels.numpy()
        found = score(right, test.groups.numpy())
        return found.accuracy, found.error
