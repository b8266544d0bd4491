"""Words and phrases that show conduct, by language; stop words."""
