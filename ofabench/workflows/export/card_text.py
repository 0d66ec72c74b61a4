"""Card of an exported file in a few lines of text."""

from supernet.data.wilson import format_share
from supernet.export.model_card import ModelCard


def card_lines(card: ModelCard, no_accuracy_reason: str) -> list[str]:
    """Return a file's format, its difference from torch, and its accuracies.

    `no_accuracy_reason` is the reason why its accuracy is not measured, or "".
    """
    lines = [f"  {_file(card)}"]
    if card.finetuning is not None:
        lines += [f"  {sentence}" for sentence in card.finetuning.sentences()]
    difference = card.closeness
    if difference is not None:
        ratio = "" if difference.snr_db is None else f", signal to noise {difference.snr_db:.1f} dB"
        lines.append(
            f"  differs from torch by {difference.largest:.1g} at most{ratio}, same class for "
            f"{difference.agreement:.1%} ({difference.images} "
            f"{difference.of}{' images' * (difference.of == 'random')})"
        )
    measured = card.accuracies
    if measured is None:
        return [*lines, f"  accuracy: not measured ({no_accuracy_reason})"]
    before = format_share(measured.before, measured.before_interval)
    after = format_share(measured.after, measured.after_interval)
    return [
        *lines,
        f"  accuracy on {measured.images} {measured.part} images of {measured.data}: "
        f"{before} before (torch, float32), {after} after (this file)",
    ]


def _file(card: ModelCard) -> str:
    size = 0 if card.size_bytes is None else card.size_bytes
    text = f"{card.backend} of {card.precision}, {size / 1e6:.3g} MB"
    if card.calibration is not None:
        images, data = card.calibration.images, card.calibration.data
        text += f", calibrated on {images} training images of {data}"
    return text
