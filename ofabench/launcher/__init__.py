"""Workflow functions in worker processes of ours: options go in as JSON, the result comes back so.

What is judged must be measured in another process than what was fitted, and one device's sweep
must not end with another's. A worker runs one function with its options:

    from ofabench.launcher import launch

    summary = launch(sweep_from, options, progress=progress)

The function is named by its module, so that a worker imports it: one of a module's own, that takes
`(options, progress)` and returns a mapping for JSON, or an object whose `to_dict` gives one.
"""

from ofabench.launcher.worker import Outcome, Worker, launch

__all__ = ["Outcome", "Worker", "launch"]
