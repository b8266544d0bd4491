"""Text to tokens, phrases, topics and conduct flags."""
