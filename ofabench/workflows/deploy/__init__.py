"""From a network to a folder to hand on: cut, export, verify, write."""
