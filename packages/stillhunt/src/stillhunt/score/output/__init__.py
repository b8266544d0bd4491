"""Turns judged candidates into the case tables."""
