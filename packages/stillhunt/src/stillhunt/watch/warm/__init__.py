"""Warm hunts: what has come since a cold hunt is judged against what that hunt learned, and nothing is searched."""
