"""Options of all commands: frozen dataclasses for Python, command line, TOML and provenance."""
