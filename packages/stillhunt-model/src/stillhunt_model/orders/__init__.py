"""Orders to act on the answers of one flagged campaign: signed off, logged, expiring."""
