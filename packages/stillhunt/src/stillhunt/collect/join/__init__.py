"""Joins logs of the same calls."""
