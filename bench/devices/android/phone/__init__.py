"""A phone in use: connection, settings, model files, options."""
