"""The drill: plants labelled campaigns into a copy of the user's own logs, hunts, and counts what was found."""
