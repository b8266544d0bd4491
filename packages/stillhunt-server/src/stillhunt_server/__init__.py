"""HTTP for programs and people; it receives, shows and answers, and detects nothing.

Times of the database are microseconds since 1970, UTC; `now` and `clock` of inlets are seconds since 1970, and `ticks`
seconds of a clock that never goes back. Whatever needs the database raises OutputError where it cannot be used.
"""
