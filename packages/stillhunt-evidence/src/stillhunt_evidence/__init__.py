"""Evidence for others: packs, attribution, sharing and matching; it reads a case and detects nothing."""
