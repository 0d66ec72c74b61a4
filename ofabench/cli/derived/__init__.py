"""From dataclasses of options to commands: arguments, `--config`, help, command lines."""
