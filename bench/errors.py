"""The error tree. Every message states what was got, what was expected and what to do next.

OfabenchError                 exit code 2, one line on stderr, never a traceback
├── InputError                an argument or a value in a file is not what it must be
│   └── WrongValueError       a value in data that was read
├── FileError                 a file is missing, cut short, foreign, or cannot be written
├── MissingRuntimeError       a backend's package is not installed
├── PluginError               another package's backend or device does not do what it must
├── DeviceError               a device cannot be reached, or is busy
│   ├── DeviceInUseError      another ofabench measures on a device
│   ├── DeviceLostError       a connection or a program on the device broke off; worth another try
│   └── UnrunnableError       a model that the device cannot run, whatever is tried
├── MissingEntryError         a table has no entry for a block
├── TargetMismatchError       two things measured on unlike targets were put together
├── InfeasibleError           no network meets the limits
├── OutputError               standard output is full, closed, or has no such characters
└── InterruptedSweepError     the user stopped a sweep; what is done is kept
"""


class OfabenchError(Exception):
    """Base of all errors that a user can cause or mend."""


def first_line(error: BaseException) -> str:
    """First line of another library's message; the name of the error where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


class InputError(OfabenchError):
    """An argument, or a value inside a file, is not what it must be."""


class WrongValueError(InputError, ValueError):
    """A value in data that was read is not what it must be; a `ValueError` as Python's own is."""


class FileError(OfabenchError):
    """A file is missing, truncated, of a foreign format, or cannot be written."""


class MissingRuntimeError(OfabenchError):
    """The package that a backend runs on is not installed."""


class PluginError(OfabenchError):
    """A backend or device of another package cannot be loaded, or lacks what it must have."""


class DeviceError(OfabenchError):
    """A device cannot be reached, or something else is using it."""


class DeviceInUseError(DeviceError):
    """Another process of ofabench measures on a device; the message names it."""


class DeviceLostError(DeviceError):
    """What was under way on a device broke off: a cable pulled, a daemon or a program gone.

    Nothing it gave is to be relied on; the same may well succeed when it is tried again.
    """


class UnrunnableError(DeviceError):
    """A workload that the device cannot run even by itself; `place` is where in the load it is."""

    def __init__(self, reason: str, *, place: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


class MissingEntryError(OfabenchError):
    """A latency table holds no entry for a block."""


class TargetMismatchError(OfabenchError):
    """Measurements of unlike targets were to be put together."""


class InfeasibleError(OfabenchError):
    """No network of the space meets every limit."""


class OutputError(OfabenchError):
    """A result could not be printed."""


class InterruptedSweepError(OfabenchError):
    """The user stopped a sweep; finished replicates are kept and `--resume` continues."""
