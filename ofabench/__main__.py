"""`python -m ofabench`."""

import sys

from ofabench.cli.main import main

sys.exit(main())
