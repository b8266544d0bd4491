"""LINKS -> CAMPAIGNS as sets of slices, and their members."""
