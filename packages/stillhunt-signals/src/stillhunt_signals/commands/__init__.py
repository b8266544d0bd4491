"""Commands of this distribution; each is imported when it runs."""
