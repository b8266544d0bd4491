"""Logs that are appended to and never changed: each entry has the hash of the one before it."""
