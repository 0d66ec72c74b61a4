"""Another machine as a device: a worker runs there, and frames go through its standard streams."""
