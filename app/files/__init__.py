"""Photos that people upload: decoded, re-encoded in a few sizes, kept under random names."""
