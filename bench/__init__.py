"""Benchmarks. Each compares the shop with a bare piece of the same machinery, in one run."""
