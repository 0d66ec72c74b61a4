"""How accurate sub-networks are: measured, kept, and predicted from their codes."""
