"""Messages of native code on file descriptor 2: known ones are dropped, others are kept."""

import os
import subprocess
import sys

import pytest

from bench.backends.native_messages import without_lines

NOTICE = b"INFO: Created a delegate.\n"


def test_lines_with_the_given_text_are_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with without_lines("Created a delegate"):
        os.write(2, b"ERROR: first\n" + NOTICE + b"ERROR: last")
    os.write(2, NOTICE)  # outside of the block, lines are kept

    assert capfd.readouterr().err == "ERROR: first\nERROR: last" + NOTICE.decode()


def test_messages_before_an_error_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with without_lines("Created a delegate"):
            os.write(2, NOTICE + b"ERROR: why\n")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()

    assert capfd.readouterr().err == "ERROR: why\n"


def test_standard_error_may_be_closed() -> None:
    code = (
        "import os\nfrom bench.backends.native_messages import without_lines\n"
        "os.close(2)\n"
        "with without_lines('x'): print('done')"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert completed.stdout == "done\n"


def test_litert_writes_nothing_when_it_starts() -> None:
    """XNNPACK prints its notice once a process, so the test starts a new one."""
    code = (
        "from bench.backends.tflite_backend import TfliteBackend\n"
        "from bench.blocks.model import random_model\n"
        "from bench.protocol.target import Target\n"
        "from supernet.space.space import SearchSpace\n"
        "tiny, backend = SearchSpace.load('tiny'), TfliteBackend()\n"
        "model = random_model(tiny.blocks(tiny.smallest()))\n"
        "target = Target(device='test', backend='tflite', backend_version='0')\n"
        "backend.load(model, target).run()\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert (completed.stdout, completed.stderr) == ("", "")
