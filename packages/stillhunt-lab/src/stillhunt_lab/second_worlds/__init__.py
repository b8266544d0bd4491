"""A second generator of worlds, of other construction than the first: for final scoring only, never for tuning."""
