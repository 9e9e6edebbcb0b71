"""Demo data for an empty shop."""
