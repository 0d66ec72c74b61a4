"""NVIDIA GPUs: identity and state, and bursts timed by CUDA events."""
