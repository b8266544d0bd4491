"""A second generator of worlds, built differently from the first: for final scoring only, never for tuning."""
