"""The runner on a device: its source, its bundle, its protocol."""
