"""Commands on several devices at once: sweep, drift, verify and search of a fleet."""
