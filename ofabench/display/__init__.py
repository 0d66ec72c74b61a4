"""Progress on a terminal, in logs, for programs."""
