"""Operators above campaigns: which campaigns one operator runs, and which candidate is a mixture of two."""
