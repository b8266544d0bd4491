"""Finds the inputs: files, object stores and databases, in a fixed order."""
