"""Latency tables that ship with ofabench; README.md says what each column is."""
