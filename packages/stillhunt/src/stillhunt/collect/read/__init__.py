"""Reads logs: the format of each input, its rows and its rejects."""
