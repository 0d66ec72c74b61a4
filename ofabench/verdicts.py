"""What a verification found, in words and in JSON values, and whether that is a failure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supernet.train.dataset import Score


def failed(verdict: Mapping[str, Any]) -> bool:
    """Whether a promise was not kept, or a limit not met."""
    return verdict["kept"] is False or verdict["limit_met"] is False


def accuracy_json(score: "Score | None", predicted: float | None) -> dict[str, Any]:
    """JSON values of the accuracy on test images, beside the search's prediction of it."""
    return {
        "predicted_accuracy": predicted,
        "accuracy": None if score is None else score.accuracy,
        "accuracy_error": None if score is None else score.error,
        "accuracy_images": None if score is None else score.images,
    }


def show_latency(data: Mapping[str, Any]) -> None:
    """Print what was promised of the latency, what was measured, and whether they agree."""
    unlike = data["prediction_of_another_precision"]
    if data["predicted_ms"] is not None:
        print(f"  predicted  {data['predicted_ms']:.4g} ms")
    elif unlike is not None:
        print(f"  predicted  {unlike['predicted_ms']:.4g} ms on {unlike['target']},")
        print(f"             which says nothing of a file of {data['precision']}: no verdict")
    if data["extrapolated"]:
        count = len(data["extrapolated"])
        print(f"  extrapolated: {count} blocks are unlike any that the predictor was fitted on")
    interval = f"{data['low_ms']:.4g} to {data['high_ms']:.4g}"
    print(f"  measured   {data['measured_ms']:.4g} ms (95 % interval {interval})")
    if unlike is not None:
        print(f"             {data['measured_ms'] / unlike['predicted_ms']:.2f} times that")
    if data["kept"] is not None:
        _show_promise(data)
    close = data["on_device"]
    if close is not None:
        told = f"differ by {close['largest']:.1g} at most, same class for {close['agreement']:.0%}"
        print(f"  outputs    there and here {told} ({close['images']} random images)")
    if data["limit_ms"] is not None:
        met = "met" if data["limit_met"] else "NOT MET"
        print(f"  limit      {data['limit_ms']:g} ms: {met}")


def _show_promise(data: Mapping[str, Any]) -> None:
    if data["level"] is None:
        print("  level      unknown: the predictor has no references; sweep and fit again")
    else:
        moved = f"the machine now takes {data['level'] - 1:+.1%} over the same work"
        print(f"  levelled   {data['levelled_ms']:.4g} ms ({moved})")
    verdict = "kept" if data["kept"] else "NOT KEPT"
    print(f"  difference {data['error']:+.1%}, allowed {data['tolerance']:.0%}: {verdict}")


def show_accuracy(data: Mapping[str, Any]) -> None:
    """Print the accuracy on test images, where it was measured."""
    if data["accuracy"] is None:
        return
    told = f"{data['accuracy']:.2%} ± {data['accuracy_error']:.2%} of "
    told += f"{data['accuracy_images']} test images"
    if data["predicted_accuracy"] is not None:
        told += f" (predicted on validation images {data['predicted_accuracy']:.2%})"
    print(f"  accuracy   {told}")
