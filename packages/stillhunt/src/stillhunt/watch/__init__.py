"""Watch: automatic hunts over one data folder that receives traffic.

Times are whole microseconds since 1970, UTC; `ticks` and `seconds` come from a monotonic clock. Functions that read or
write the database raise OutputError if it cannot be used. `sketches` are SKETCHES in account partitions, as
`stillhunt.pipeline.hunt` hands them to `after`, and `tables` the case tables of the same hunt; `lasting` maps the id
that a hunt gave a campaign to its lasting id; other ids stay the same.
"""
