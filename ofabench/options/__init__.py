"""Options of what a user can start: dataclasses for Python, command line, TOML and provenance."""
