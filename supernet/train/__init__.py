"""Progressive shrinking: data, schedule, distillation, checkpoints."""
