"""Devices that run replicates: the local CPU, NVIDIA GPUs, Android phones, a simulated one."""
