"""The kinds of evidence."""
