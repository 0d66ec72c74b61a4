"""Time of a model's operators on the phone."""

from bench.devices.android.adb.content import push_missing
from bench.devices.android.phone.phone import Phone
from bench.devices.android.phone.settings_guard import error_line
from bench.devices.android.replicates.inference import FOLDER, TIMEOUT_S
from bench.devices.android.replicates.preparing import run_argv
from bench.devices.android.runner.profile_summary import parse_profile_event
from bench.devices.remote.connection import Connection
from bench.errors import FileError
from bench.operators.profile import OperatorProfile


def profile_on(
    phone: Phone, connection: Connection, content: bytes, threads: int
) -> OperatorProfile:
    """Profile a TFLite file whose inputs are zero; `FileError` where the runner refuses it."""
    phone.with_bundle(connection)
    push_missing(connection, FOLDER, {"model.tflite": content})
    argv = run_argv(phone, ["--profile", "../infer/model.tflite", str(threads)])
    completed = connection.run(argv, timeout_s=TIMEOUT_S)
    if completed.status != 0:
        message = error_line(completed.out.partition(b"\t")[0] + b" " + completed.err)
        raise FileError(f"the runner cannot profile this model: {message}")
    return parse_profile_event(completed.out)
