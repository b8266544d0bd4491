"""Language models: tiny ones made here, and those of local folders and GGUF files."""
