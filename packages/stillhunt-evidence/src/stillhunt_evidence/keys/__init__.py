"""Keys for signing, trust, pseudonyms and sharing circles."""
