"""How far networks drift from one measurement session to another, and the margin that covers it."""
