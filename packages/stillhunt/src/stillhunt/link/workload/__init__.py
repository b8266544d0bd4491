"""Traffic without a template: its slices, and the search for one work queue among them."""
