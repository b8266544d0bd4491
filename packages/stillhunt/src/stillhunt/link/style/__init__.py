"""Wording styles: accounts that share recurring words, although no run of words recurs."""
