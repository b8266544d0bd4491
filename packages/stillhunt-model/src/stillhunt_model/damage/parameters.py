"""Numbers that decide what `damage` says."""

# The curve bends at the count from which each doubling brings less than this share of the best one (a doubling that
# costs twice as much and brings a quarter is where a buyer stops)
BEND_SHARE = 0.25
LEAST_GAIN_SAMPLES = 10  # Held-out samples of a skill or subject below which its gain is not said (fewer are chance)
