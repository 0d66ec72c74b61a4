"""Devices: where a load is run. The local CPU and a fake one."""
