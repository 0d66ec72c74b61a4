"""Time of a model's operators on the device."""

from bench.devices.remote.connection import Connection, error_line
from bench.devices.remote.content import push_missing
from bench.devices.remote.machine import RemoteMachine
from bench.devices.remote.replicates.inference import TIMEOUT_S
from bench.devices.remote.runner.profile_summary import parse_profile_event
from bench.errors import FileError
from bench.operators.profile import OperatorProfile


def profile_on(
    machine: RemoteMachine, connection: Connection, content: bytes, threads: int
) -> OperatorProfile:
    """Profile a TFLite file whose inputs are zero; `FileError` where the runner refuses it."""
    machine.with_bundle(connection)
    push_missing(connection, machine.folder.infer, {"model.tflite": content})
    argv = machine.run_argv(["--profile", "../infer/model.tflite", str(threads)])
    completed = connection.run(argv, timeout_s=TIMEOUT_S)
    if completed.status != 0:
        message = error_line(completed.out.partition(b"\t")[0] + b" " + completed.err)
        raise FileError(f"the runner cannot profile this model: {message}")
    return parse_profile_event(completed.out)
