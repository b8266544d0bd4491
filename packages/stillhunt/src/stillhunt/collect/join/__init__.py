"""Logs of the same calls, put together."""
