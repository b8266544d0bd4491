"""Seeded worlds and benchmarks; uses the public door only."""
