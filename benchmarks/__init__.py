"""Benchmarks of speed and memory, mostly as ratios; not part of the wheel."""
