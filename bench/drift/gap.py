"""How far apart two measurement sessions are, at least."""

SESSION_GAP_S = 300.0  # from the end of one to the start of the next
