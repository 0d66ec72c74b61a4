"""From blocks to networks: calibration, few networks, priors."""
