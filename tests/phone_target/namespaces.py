"""Commands inside the namespaces of a helper process."""

import subprocess

TIMEOUT_S = 10.0
NEW = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")


def inside(pid: int) -> list[str]:
    """Return the command that runs another inside the user and mount namespaces of a process."""
    return ["nsenter", f"--target={pid}", "--user", "--preserve-credentials", "--mount"]


def resize_disk(pid: int, folder: str, size_bytes: int) -> None:
    """Change the size of the disk at `folder`, which only the namespace of `pid` has."""
    # With both names mount(8) adds no option of before, as a user id that it may not set.
    mount = ["mount", "-o", f"remount,size={size_bytes}", "disk", folder]
    subprocess.run([*inside(pid), *mount], check=True, timeout=TIMEOUT_S)
