"""Options of measuring over SSH."""

from dataclasses import dataclass
from pathlib import Path

from bench.devices.remote.options import RunnerOptions
from bench.errors import InputError
from bench.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class SshOptions(RunnerOptions):
    """How a board or server is reached and what measures there.

    `remote_python` is the Python there in whose environment ofabench is installed: with it the
    runner is python, which measures `remote_device`. `remote_folder` is where our files go, by
    default `~/.cache/ofabench-remote`.
    """

    remote_python: str | None = option(
        None,
        metavar="PATH",
        help="measure by the ofabench of this Python there, like venv/bin/python: with every "
        "backend that is installed there",
    )
    remote_device: str = option(
        "cpu",
        metavar="D",
        help="what --remote-python measures there: {default} or cuda:0 (default {default})",
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
        if self.runner not in {None, "python"} and self.remote_python is not None:
            raise InputError(f"--remote-python is for --runner python, the runner is {self.runner}")
        if self.remote_device != "cpu" and self.remote_python is None:
            raise InputError(
                f"--remote-device {self.remote_device} needs --remote-python PATH, the Python "
                "there with ofabench"
            )
        folder = self.remote_folder
        if folder is not None and not (folder.startswith(("/", "~/")) and folder.isprintable()):
            raise InputError(f"--remote-folder is {folder!r:.80}, expected /PATH or ~/PATH")
