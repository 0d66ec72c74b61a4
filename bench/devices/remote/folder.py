"""The folder on a device that has everything of ours, and the names in it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """Paths on a device; everything that is copied there is under `path`, which is absolute."""

    path: str

    @property
    def bundle(self) -> str:
        """The runner and its libraries."""
        return f"{self.path}/bundle"

    @property
    def models(self) -> str:
        """Model files and values of their inputs."""
        return f"{self.path}/models"

    @property
    def infer(self) -> str:
        """A model whose outputs are computed, and those."""
        return f"{self.path}/infer"

    @property
    def runner_pid(self) -> str:
        """A file with the process id of the runner."""
        return f"{self.path}/runner.pid"
