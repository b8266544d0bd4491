"""Rules of the provider's own: a condition in CEL with its examples, saved with a reason, tried, and in force."""
