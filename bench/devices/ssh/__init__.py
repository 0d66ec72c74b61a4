"""Boards and servers, reached by the system's SSH client."""
