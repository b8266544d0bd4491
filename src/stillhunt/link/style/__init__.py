"""Wording styles: accounts that share habits of single words where no run of words recurs."""
