"""SSH servers on loopback that are known as different machines, and a fleet of them."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.devices.ssh.options import SshOptions
from ofabench.options.device import DeviceOptions
from ofabench.options.fleet import Fleet, FleetMember
from tests.support.ssh_server import NoServerError, ServerOptions, SshServer

MACHINE_ID = Path("/etc/machine-id")


def host_options(folder: Path) -> ServerOptions:
    """Return the options of a server whose sessions see another machine id than this machine's.

    Raises `NoServerError` where no file can be mounted over it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    identity, shell = folder / "machine-id", folder / "session.sh"
    identity.write_text(os.urandom(16).hex() + "\n")
    separate = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    mount = shlex.join(["mount", "--bind", str(identity), str(MACHINE_ID)])
    inner = f'{mount} && exec sh -c "$SSH_ORIGINAL_COMMAND"'
    shell.write_text(f"#!/bin/sh\nexec {shlex.join([*separate, 'sh', '-c', inner])}\n")
    shell.chmod(0o755)
    if shutil.which("unshare") is None or not _succeeds([*separate, "sh", "-c", mount]):
        raise NoServerError("no other machine id can be mounted for a process here")
    return ServerOptions(shell=str(shell))


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@contextmanager
def ssh_hosts(folder: Path, names: Sequence[str], *, one_machine: bool = False) -> Iterator[Fleet]:
    """Yield a fleet of servers, which are one machine or look like several."""
    with ExitStack() as stack:
        members = []
        for name in names:
            options = ServerOptions() if one_machine else host_options(folder / name)
            server = stack.enter_context(SshServer(folder / name, options))
            device = DeviceOptions(
                device=f"ssh:{server.address.user}@127.0.0.1:{server.port}",
                ssh=SshOptions(ssh_config=server.config),
            )
            members.append(FleetMember(name=name, device=device, cores="any"))
        yield Fleet(members=tuple(members))
