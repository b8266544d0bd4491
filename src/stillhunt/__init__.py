"""stillhunt finds who is distilling your model."""
