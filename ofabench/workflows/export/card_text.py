"""An exported file's card in a few lines of text."""

from supernet.data.wilson import share_in_words
from supernet.export.model_card import ModelCard


def card_lines(card: ModelCard, unjudged: str) -> list[str]:
    """Return what a file is, how near torch it is, and what that does to its accuracy.

    `unjudged` says why its accuracy is not measured, where it is not.
    """
    lines = [f"  {_file(card)}"]
    close = card.closeness
    if close is not None:
        ratio = "" if close.snr_db is None else f", signal to noise {close.snr_db:.1f} dB"
        lines.append(
            f"  differs from torch by {close.largest:.1g} at most{ratio}, same class for "
            f"{close.agreement:.1%} ({close.images} {close.of}{' images' * (close.of == 'random')})"
        )
    measured = card.accuracies
    if measured is None:
        return [*lines, f"  accuracy: not measured ({unjudged})"]
    before = share_in_words(measured.before, measured.before_interval)
    after = share_in_words(measured.after, measured.after_interval)
    return [
        *lines,
        f"  accuracy on {measured.images} {measured.part} images of {measured.data}: "
        f"{before} before (torch, float32), {after} after (this file)",
    ]


def _file(card: ModelCard) -> str:
    size = 0 if card.size_bytes is None else card.size_bytes
    words = f"{card.backend} of {card.precision}, {size / 1e6:.3g} MB"
    if card.calibration is not None:
        images, data = card.calibration.images, card.calibration.data
        words += f", calibrated on {images} training images of {data}"
    return words
