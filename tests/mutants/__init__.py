"""Protections taken out one at a time, each of which a test must notice: `make mutants`."""
