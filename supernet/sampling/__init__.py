"""Which sub-networks the steps of training draw: uniform, within limits, or chosen."""
