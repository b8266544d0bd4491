"""Judged candidates to the case tables."""
