"""Seeded random sales against the whole shop while parts of it are killed or lie: `make faults`."""
