"""What one campaign's harvest is worth: students trained on it, on honest answers, and on fewer."""
