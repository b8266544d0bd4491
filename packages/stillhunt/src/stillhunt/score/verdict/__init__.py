"""Turns findings into probabilities and verdicts."""
