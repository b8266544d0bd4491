"""Simulated worlds, the benchmark and the drill; they use only the public functions of stillhunt."""
