"""Orders to act on the answers of one flagged campaign: signed, logged, and with an end."""
