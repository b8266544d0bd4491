"""What one campaign's harvest is worth: students trained on it, and on equal and smaller numbers of honest answers."""
