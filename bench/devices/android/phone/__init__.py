"""A connected phone: connection, settings, model files, options."""
