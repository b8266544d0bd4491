"""Findings to probabilities and verdicts."""
