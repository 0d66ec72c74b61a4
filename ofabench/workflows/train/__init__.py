"""What training and evaluation share on the command line."""
