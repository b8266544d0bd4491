"""Single values of a record: fields by name, texts, numbers, times and chat messages."""
