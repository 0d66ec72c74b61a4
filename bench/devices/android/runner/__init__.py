"""The runner on the phone: its source, its bundle, the messages to and from it."""
