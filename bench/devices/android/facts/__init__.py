"""Facts and state of a phone: model, sensors, settings read from it."""
