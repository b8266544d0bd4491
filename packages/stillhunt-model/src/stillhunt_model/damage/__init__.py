"""What one campaign's harvest is worth: students trained on it, and on as many and on fewer honest answers."""
