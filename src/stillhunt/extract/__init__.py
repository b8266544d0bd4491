"""One pass over the text: REQUESTS -> SKETCHES."""
