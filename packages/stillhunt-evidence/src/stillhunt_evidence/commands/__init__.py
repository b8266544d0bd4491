"""The commands of evidence: packs, attribution, sharing and matching."""
