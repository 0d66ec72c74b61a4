"""Sub-networks as files of a runtime, with their cards."""
