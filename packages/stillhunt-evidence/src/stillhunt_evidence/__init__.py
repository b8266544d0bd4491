"""A case for others: evidence packs, attribution, sharing, matching; reads a case, never detects."""
