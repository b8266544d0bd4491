"""What the input can tell, and what may be wrong with it."""
