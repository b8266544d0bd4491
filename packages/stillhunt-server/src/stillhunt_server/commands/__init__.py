"""The commands of the server: serve, open, and who may send to it or sign in."""
