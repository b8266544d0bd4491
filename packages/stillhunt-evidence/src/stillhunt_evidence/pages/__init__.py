"""What people read in an evidence pack: for an executive, a lawyer and an engineer.

The claim and its alternatives (`alternatives`) are on three pages (`executive_page`, `counsel_page`, `engineer_page`),
which `render` joins into one.
"""
