"""Worker tasks of the quickstart: they run in separate processes and return a text."""

from dataclasses import asdict, dataclass
from typing import Any

from bench.protocol.progress import Progress
from ofabench.options.quickstart import AccuracyPart, ExportPart, TrainPart
from ofabench.options.verify import VerifyRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """Result of a task as text, and whether a check failed."""

    words: str
    failed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


def train_part(part: TrainPart, progress: Progress) -> TaskResult:
    """Train a supernet."""
    from ofabench.workflows.train.train import train

    trained = train(part.space, part.data, out=part.out, options=part.training, progress=progress)
    return TaskResult(words=str(trained))


def accuracy_part(part: AccuracyPart, progress: Progress) -> TaskResult:
    """Measure sub-networks of a supernet, and fit an accuracy predictor on them."""
    from ofabench.workflows.train.supernet import load_supernet

    fitted = load_supernet(part.checkpoint).accuracy_predictor(
        out=part.out, options=part.accuracy, progress=progress
    )
    return TaskResult(words=str(fitted))


def export_part(part: ExportPart, progress: Progress) -> TaskResult:
    """Export a sub-network."""
    from ofabench.workflows.export.export import export

    del progress
    model = export((part.checkpoint, part.arch), out=part.out, options=part.form)
    return TaskResult(words=str(model))


def verify_part(request: VerifyRequest, progress: Progress) -> TaskResult:
    """Measure a file and verify it; a repeat is shown with the first measurement."""
    from ofabench.workflows.deploy.verify import verify_from

    measured, shown = verify_from(request, progress)
    return TaskResult(words=str(shown), failed=measured.failed)
