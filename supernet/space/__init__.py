"""Spaces of networks as data: architectures, encodings, blocks."""
