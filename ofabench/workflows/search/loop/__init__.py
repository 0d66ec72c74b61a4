"""Search with the device in the loop: measure what looks best, learn from it, search again."""
