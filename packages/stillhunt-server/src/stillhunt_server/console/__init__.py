"""Pages for people: what was found, the evidence for and against it, and the work on it."""
