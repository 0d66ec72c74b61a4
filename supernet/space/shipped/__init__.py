"""Spaces as data, one TOML file each."""
