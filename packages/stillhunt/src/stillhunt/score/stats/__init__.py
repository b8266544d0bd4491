"""Statistics that evidence rests on; they know nothing of logs."""
