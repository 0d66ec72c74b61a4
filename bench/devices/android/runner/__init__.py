"""The runner on the phone: its source, its bundle, its protocol."""
