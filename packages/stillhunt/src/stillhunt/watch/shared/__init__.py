"""What several machines share: whole objects in one store, and the lease of the one that hunts."""
