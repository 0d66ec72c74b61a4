"""What a latency limit is on: the latency as measured, or the drift-corrected one."""

RAW, CORRECTED = LIMITS_ON = ("raw", "corrected")
