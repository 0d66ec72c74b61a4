"""Commands derived from dataclasses of options: arguments, `--config`, help, command lines."""
