"""Numbers that decide what `distil` says of a student."""

# Held-out prompts below which no interval is said (draws with repetition from fewer give intervals that are far too
# narrow)
FEWEST_ASKED_PROMPTS = 10
