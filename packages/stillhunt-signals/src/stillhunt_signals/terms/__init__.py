"""Breaches of a provider's terms: clauses, who is excepted, and what a case shows of them beside the harvest."""
