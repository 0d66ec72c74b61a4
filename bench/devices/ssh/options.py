"""Options of measuring over SSH."""

from dataclasses import dataclass
from pathlib import Path

from bench.devices.remote.options import RunnerOptions
from bench.errors import InputError
from bench.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class SshOptions(RunnerOptions):
    """How a board or server is reached and what measures there.

    `remote_python` is for the runner python: the Python there in whose environment ofabench is
    installed. `remote_folder` is where our files go, by default `~/.cache/ofabench-remote`.
    """

    remote_python: str | None = option(
        None,
        metavar="PATH",
        help="for --runner python: the Python there with ofabench, as /home/me/venv/bin/python",
    )
    remote_folder: str | None = option(
        None,
        metavar="PATH",
        help="folder there for our files (default ~/.cache/ofabench-remote)",
    )
    ssh_config: Path | None = option(
        None, metavar="FILE", help="SSH configuration in place of ~/.ssh/config"
    )

    def check(self) -> None:
        """Check that runner and Python fit together, and that the folder is a path of ours."""
        if self.runner == "python" and self.remote_python is None:
            raise InputError(
                "runner python needs --remote-python PATH, the Python there with ofabench"
            )
        if self.runner != "python" and self.remote_python is not None:
            raise InputError("--remote-python is for --runner python; give both or neither")
        folder = self.remote_folder
        if folder is not None and not (folder.startswith(("/", "~/")) and folder.isprintable()):
            raise InputError(f"--remote-folder is {folder!r:.80}, expected /PATH or ~/PATH")
