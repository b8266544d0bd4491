"""Tasks whose answers a program can check, and text with enough entropy for marks."""
