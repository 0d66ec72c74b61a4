"""The version of ofabench on this side."""

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """Return the installed version of ofabench; "unknown" in a checkout that is not installed."""
    try:
        return version("ofabench")
    except PackageNotFoundError:
        return "unknown"
