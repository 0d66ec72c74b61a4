"""The error tree. Every message states what was got, what was expected and what to do next.

OfabenchError                 exit code 2, one line on stderr, never a traceback
├── InputError                an argument or a value in a file is not what it must be
│   └── WrongValueError       a value in data that was read
├── FileError                 a file is missing, cut short, foreign, or cannot be written
├── MissingRuntimeError       a backend's package is not installed
├── PluginError               another package's backend or device does not follow its interface
├── DeviceError               a device cannot be reached, or is busy
│   ├── DeviceInUseError      another ofabench measures on a device
│   ├── DeviceLostError       a connection or a program on the device ended; a retry may succeed
│   └── UnrunnableError       a model that the device cannot run, however often it is tried
├── MissingEntryError         a table has no entry for a block
├── TargetMismatchError       measurements of different targets were combined
├── InfeasibleError           no network meets the limits
├── OutputError               standard output is full, closed, or cannot show its characters
└── InterruptedSweepError     the user stopped a sweep; what is finished is kept
"""


class OfabenchError(Exception):
    """Base class of all errors that a user can cause or correct."""


def first_line(error: BaseException) -> str:
    """Return the first line of another library's message, or the error's class name."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def one_line(error: BaseException) -> str:
    """Return up to 200 characters of another library's message as one line, or its class name."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def error_class(name: str) -> type[OfabenchError]:
    """Return the class of this name, for an error that another process raised.

    `DeviceError` for `UnrunnableError`, which has more than a message; `OfabenchError` for others.
    """
    known = globals().get(name)
    if not (isinstance(known, type) and issubclass(known, OfabenchError)):
        return OfabenchError
    return DeviceError if known is UnrunnableError else known


class InputError(OfabenchError):
    """An argument, or a value inside a file, is invalid."""


class WrongValueError(InputError, ValueError):
    """A value in data that was read is not what it must be; a `ValueError` as Python's own is."""


class FileError(OfabenchError):
    """A file is missing, truncated, of a foreign format, or cannot be written."""


class MissingRuntimeError(OfabenchError):
    """The package that a backend runs on is not installed."""


class PluginError(OfabenchError):
    """A backend or device of another package cannot be loaded, or does not follow its interface."""


class DeviceError(OfabenchError):
    """A device cannot be reached, or something else is using it."""


class DeviceInUseError(DeviceError):
    """Another process of ofabench measures on a device; the message names that process."""


class DeviceLostError(DeviceError):
    """The connection to a device, or a program on it, ended: a pulled cable, a stopped daemon.

    Its last results must not be used; the same request may succeed when it is tried again.
    """


class UnrunnableError(DeviceError):
    """A workload that the device cannot run even alone; `place` is its place in the replicate."""

    def __init__(self, reason: str, *, place: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


class MissingEntryError(OfabenchError):
    """A latency table has no entry for a block."""


class TargetMismatchError(OfabenchError):
    """Measurements of different targets were to be combined."""


class InfeasibleError(OfabenchError):
    """No network of the space meets every limit."""


class OutputError(OfabenchError):
    """A result could not be printed."""


class InterruptedSweepError(OfabenchError):
    """The user stopped a sweep; finished replicates are kept and `--resume` continues."""
