"""Benchmarks: how fast Todus is beside what one would otherwise use, both in the same run, as a ratio."""
