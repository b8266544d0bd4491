"""Decisions about accounts: a log of them, what rules, signatures and persons decide, and how customers appeal.

Times are whole microseconds since 1970, in UTC. What reads or writes the database raises OutputError where it cannot be
used, and, where it decides, where the log was changed.
"""
