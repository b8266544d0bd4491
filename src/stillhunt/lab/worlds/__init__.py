"""Seeded logs of an API with known truth."""
