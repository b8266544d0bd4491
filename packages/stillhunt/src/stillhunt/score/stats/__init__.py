"""Statistics that evidence rests on; they know no log."""
