"""HTTP for programs and people; it receives, shows and answers, and detects nothing.

Times of the database are microseconds since 1970, UTC; `now` and `clock` of inlets are seconds since 1970, and `ticks`
are seconds of a monotonic clock. Functions that need the database raise OutputError if it cannot be used.
"""
