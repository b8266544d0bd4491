"""Evidence packs: what is in them, the signed manifest, verifying and rebuilding."""
