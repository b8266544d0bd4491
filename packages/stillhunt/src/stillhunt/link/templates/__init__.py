"""Templates: recurring phrases, content clusters and their slices."""
