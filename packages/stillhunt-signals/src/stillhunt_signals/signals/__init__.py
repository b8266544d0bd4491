"""Signals as evidence: what they are, their values, what they were worth in the past, and what they say of a group."""
