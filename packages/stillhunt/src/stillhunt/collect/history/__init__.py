"""Resent history, which is taken off the prompts of agent clients."""
