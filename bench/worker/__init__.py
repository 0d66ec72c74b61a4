"""The worker: measures the machine that it runs on for a client at the other end of its streams."""
