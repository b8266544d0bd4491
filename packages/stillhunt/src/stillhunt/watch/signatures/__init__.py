"""Signatures recognise the next accounts of a campaign: compiled after a hunt, matched while traffic arrives.

`compiling` makes them from a hunt's findings and its sketches, `signature` is their form in a file, `matcher` applies
them to sketches, `inline` to a request that waits, and `returns` says whether a campaign came back.
"""
