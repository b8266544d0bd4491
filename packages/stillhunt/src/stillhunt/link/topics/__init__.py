"""What each request is about."""
