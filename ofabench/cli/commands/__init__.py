"""Commands, one module each: options and calls of workflows, without logic."""
