"""Messages of native code on descriptor 2: those of no interest are dropped, all others stay."""

import os
import subprocess
import sys

import pytest

from bench.backends.native_messages import without_lines

NOTICE = b"INFO: Created a delegate.\n"


def test_lines_with_the_words_are_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with without_lines("Created a delegate"):
        os.write(2, b"ERROR: first\n" + NOTICE + b"ERROR: last")
    os.write(2, NOTICE)  # outside of the block, nothing is

    assert capfd.readouterr().err == "ERROR: first\nERROR: last" + NOTICE.decode()


def test_what_was_written_before_an_error_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def break_off() -> None:
        with without_lines("Created a delegate"):
            os.write(2, NOTICE + b"ERROR: why\n")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        break_off()

    assert capfd.readouterr().err == "ERROR: why\n"


def test_standard_error_may_be_closed() -> None:
    code = (
        "import os\nfrom bench.backends.native_messages import without_lines\n"
        "os.close(2)\n"
        "with without_lines('x'): print('done')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert ended.stdout == "done\n"


def test_litert_writes_nothing_when_it_starts() -> None:
    """XNNPACK's notice comes once in a process: only a new one shows whether it is seen."""
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
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert (ended.stdout, ended.stderr) == ("", "")
