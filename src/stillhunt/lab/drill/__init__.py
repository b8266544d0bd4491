"""The drill: labelled campaigns planted into a copy of the operator's own logs, hunted, and counted."""
