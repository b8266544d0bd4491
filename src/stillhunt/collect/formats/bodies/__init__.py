"""Request and answer bodies of model APIs, alone or in batch files."""
