"""Whether this process is alive and what it can reach."""
