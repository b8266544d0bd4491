"""Sketches on disk."""
