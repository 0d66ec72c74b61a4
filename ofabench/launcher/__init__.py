"""Launcher of workflow functions in worker processes; options and results are sent as JSON.

Measurements for an evaluation need another process than those for the fit, and a failing sweep must
not stop those of other devices. A worker runs one function with its options:

    from ofabench.launcher import launch

    summary = launch(sweep_from, options, progress=progress)

The worker imports the function by module and name: it must be at the top of a module, takes
`(options, progress)`, and returns a mapping for JSON, or an object whose `to_dict` returns one.
"""

from ofabench.launcher.request import Function
from ofabench.launcher.worker import Outcome, Worker, launch

__all__ = ["Function", "Outcome", "Worker", "launch"]
