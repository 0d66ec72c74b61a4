"""The types and interfaces that backends, devices and sweeps share."""
