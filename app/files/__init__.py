"""Photos that people upload: decoded, re-encoded in a few sizes, kept on disk under random names."""
