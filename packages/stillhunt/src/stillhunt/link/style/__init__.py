"""Wording styles: accounts that share recurring words where no run of words recurs."""
