"""The shop's own tools. Knows no domain."""
