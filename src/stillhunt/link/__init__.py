"""Which slices are one operator: SKETCHES -> LINKS."""
