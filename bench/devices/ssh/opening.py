"""The device at an address, by what measures there."""

from bench.devices.cuda.options import CudaOptions
from bench.devices.ssh.address import SshAddress
from bench.devices.ssh.device import SshDevice
from bench.devices.ssh.options import SshOptions
from bench.devices.ssh.transport import SshTransport
from bench.devices.ssh.worker_host import SshWorkerHost
from bench.devices.worker.device import WorkerDevice, WorkerOptions


def open_ssh(address: str, options: SshOptions, cuda: CudaOptions) -> SshDevice | WorkerDevice:
    """Return the device at `ssh:...`: measured by a Python there if one is given, else by ours.

    `cuda` applies to a GPU that the Python there measures. It is connected at its first use.
    """
    python = options.remote_python
    if python is None:
        return SshDevice(address, options)
    place = SshAddress.parse(address)
    host = SshWorkerHost(lambda: SshTransport.connect(place, config=options.ssh_config))
    worker = WorkerOptions(python=python, device=options.remote_device, cuda=cuda)
    return WorkerDevice(str(place), host, worker)
