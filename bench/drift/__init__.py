"""Drift between measurement sessions: anchor networks, and the log of their latencies."""
