"""Simulated worlds, the benchmark and the drill; they use the public functions of stillhunt only."""
