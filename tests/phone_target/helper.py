"""A helper process that holds or starts something, controlled by its standard input."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.phone_target.build import NoTargetError

ANSWER_S = 10.0


class Helper:
    """Runs until its input is closed, which this process's death does too, however it comes.

    (Linux's "signal at the parent's death" would go by the thread that started it.)
    """

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(environment or {})},
                pass_fds=pass_fds,
                start_new_session=True,  # Ctrl-C is for the tests, which then close this
            )
        self.pid = self._process.pid

    def expect(self, word: str) -> None:
        """Wait for its next line, which is `word`; `NoTargetError` with its last words if not."""
        line = self._line()
        if line != word:
            log = self._log.read_text(errors="replace").splitlines()
            raise NoTargetError(f"the phone's namespaces: {(log or [line or 'no answer'])[-1]}")

    def tell(self, word: str) -> None:
        """Send a word, and wait until it is done."""
        if self._process.stdin is None:
            raise RuntimeError("a helper has an input")
        self._process.stdin.write(word.encode() + b"\n")
        self._process.stdin.flush()
        self.expect("done")

    def close(self) -> None:
        """End it, and all that lives in its namespaces."""
        try:
            self._process.communicate(timeout=ANSWER_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.communicate()

    def _line(self) -> str:
        """Next line that it says; "" at its end or after ANSWER_S."""
        output = self._process.stdout
        if output is None:
            raise RuntimeError("a helper has an output")
        ready, _, _ = select.select([output], [], [], ANSWER_S)
        return output.readline().decode().strip() if ready else ""
