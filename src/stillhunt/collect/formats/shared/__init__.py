"""What several formats read in the same way."""
