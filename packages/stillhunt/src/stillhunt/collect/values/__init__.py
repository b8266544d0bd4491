"""Single values and columns of them: fields by name, texts, numbers, times, chat messages, JSON, rejects."""
