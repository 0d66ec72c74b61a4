"""What a latency limit applies to: the latency as measured, or the drift-corrected one."""

RAW, CORRECTED = LIMITS_ON = ("raw", "corrected")
