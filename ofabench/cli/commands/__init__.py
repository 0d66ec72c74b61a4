"""One module a command: it parses and wires, and holds no logic of its own."""
