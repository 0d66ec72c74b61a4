"""Every option of every verb: frozen dataclasses, for Python, command line, TOML and provenance."""
