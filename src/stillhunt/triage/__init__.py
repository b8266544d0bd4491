"""Scores -> case folder, report, explanations."""
