"""Workflows: what commands do, as plain functions."""
