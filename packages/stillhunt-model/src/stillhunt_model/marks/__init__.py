"""Standing marks in all answers: a public key that a detector sees, and under it a key for each campaign."""
