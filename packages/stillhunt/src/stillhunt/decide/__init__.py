"""Decisions about accounts: a log of them, what rules, signatures and people decide, and how customers appeal.

Times are whole microseconds since 1970, in UTC. Functions that read or write the database raise OutputError if it
cannot be used; those that decide also raise it if the log was changed.
"""
