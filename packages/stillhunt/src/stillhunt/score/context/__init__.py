"""The log as evidence sees it: coded columns, accounts, slices, candidates."""
