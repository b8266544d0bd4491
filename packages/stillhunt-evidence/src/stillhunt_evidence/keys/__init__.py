"""Keys: who signs, who is trusted, pseudonyms, and circles that share."""
