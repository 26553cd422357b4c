"""Benchmarks: ratios against named peers in the same run. Run with `make bench`; never part of the tests."""
