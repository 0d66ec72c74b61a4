"""Operators of a model as a runtime executes them, each as a workload that is timed by itself."""
