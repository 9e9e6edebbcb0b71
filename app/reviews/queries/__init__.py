"""Reviews as they are read."""
