"""Migrations of the database, by Alembic: one revision for each version of its tables."""
