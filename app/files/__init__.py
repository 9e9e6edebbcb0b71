"""Uploaded photos: decoded, re-encoded in a few sizes, stored under random names."""
