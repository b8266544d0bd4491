"""Distillation of one's own teacher into a smaller student."""
