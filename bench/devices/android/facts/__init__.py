"""What a phone is and how it does: facts, sensors, settings read from it."""
