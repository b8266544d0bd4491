"""The commands of the server: serve, open, tokens and users."""
