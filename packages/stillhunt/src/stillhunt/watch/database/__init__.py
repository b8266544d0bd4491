"""The database of a data folder: SQLite, or PostgreSQL by URL."""
