"""Removes resent history from the prompts of agent clients."""
