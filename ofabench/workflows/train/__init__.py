"""Training of supernets, and evaluation and extraction of sub-networks."""
