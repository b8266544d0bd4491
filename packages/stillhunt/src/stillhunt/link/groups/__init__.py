"""The search for slices that were drawn from one work queue."""
