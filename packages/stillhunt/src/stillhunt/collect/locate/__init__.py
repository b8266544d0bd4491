"""Where inputs lie: files, object stores and databases, in one fixed order."""
