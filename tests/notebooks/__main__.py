"""Execute notebooks and keep their outputs: `python -m tests.notebooks [NAME ...]`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from nbclient.exceptions import CellExecutionError

from tests.notebooks.execution import executed, notebooks, write


def main() -> int:
    """Execute the named notebooks, or all; 1 where a cell fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="without suffix; all by default")
    names = parser.parse_args().names
    known = {path.stem: path for path in notebooks()}
    for name in names or known:
        if name not in known:
            parser.error(f"{name} is not a notebook: expected one of {', '.join(known)}")
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                notebook = executed(known[name], Path(folder))
            except CellExecutionError as error:
                print(f"{known[name]}: {error}", file=sys.stderr)
                return 1
        write(notebook, known[name])
        print(f"{name}: {time.monotonic() - began:.0f} s, {known[name].stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
