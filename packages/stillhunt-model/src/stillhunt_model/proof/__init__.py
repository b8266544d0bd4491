"""Whether a suspect model was trained on one campaign's answers."""
