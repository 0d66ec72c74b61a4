"""Fine-tuning within a deployment: its files are next to the folder until that is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InterruptedSweepError
from bench.files import read_bytes
from bench.protocol.progress import Progress
from ofabench.workflows.deploy.deployment_inputs import DeploymentInputs

if TYPE_CHECKING:
    from ofabench.workflows.train.extraction import ExtractedNetwork

NETWORK, LOG = "network.safetensors", "finetuning.jsonl"


@dataclass(frozen=True)
class FinetunedNetwork:
    """A fine-tuned network, its file next to the folder, and the log of its training."""

    network: "ExtractedNetwork"
    path: Path
    log: Path

    def files(self) -> dict[str, bytes]:
        """Return the files of the folder, by name."""
        files = {NETWORK: read_bytes(self.path)}
        return {**files, LOG: read_bytes(self.log)} if self.log.exists() else files

    def remove(self) -> None:
        """Remove the files next to the folder, which has them now."""
        self.path.unlink()
        self.log.unlink(missing_ok=True)


def finetuned(
    inputs: DeploymentInputs, out: Path, epochs: int, progress: Progress | None
) -> FinetunedNetwork:
    """Fine-tune the network of a deployment into `out`; an interrupted fine-tuning continues.

    Raises `InputError` where the search's result is of another network, or files of another
    fine-tuning are next to the folder.
    """
    from ofabench.options.finetune import FinetuneOptions
    from ofabench.workflows.finetune.finetune import finetune, state_path
    from supernet.train.log import TrainingLog

    path = out.with_name(f"{out.name}.network.safetensors")
    state = state_path(path)
    given = inputs.open()
    inputs.check_result(given.network)
    options = FinetuneOptions(
        epochs=epochs,
        seed=inputs.options.seed,
        resume=path.exists() or state.exists(),
    )
    try:
        network = finetune(given, inputs.data, out=path, options=options, progress=progress)
    except InterruptedSweepError:
        raise InterruptedSweepError(
            f"fine-tuning stopped; {state} has its state: continue with the same command"
        ) from None
    return FinetunedNetwork(network, path, TrainingLog.beside(state).path)
