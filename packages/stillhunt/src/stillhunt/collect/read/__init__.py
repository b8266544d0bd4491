"""Logs opened and walked over: which format an input has, its rows, its rejects."""
