"""Model files of any origin: content, inputs, and the values they are timed with."""
