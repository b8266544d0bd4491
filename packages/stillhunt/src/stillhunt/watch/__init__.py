"""Watch: hunts by themselves over one data folder, into which traffic flows.

Times are whole microseconds since 1970, UTC; `ticks` and `seconds` are those of a clock that never goes back. Whatever
reads or writes the database raises OutputError where it cannot be used. `sketches` are SKETCHES in account partitions,
as `stillhunt.pipeline.hunt` hands them to `after`, and `tables` the case tables of the same hunt; `lasting` leads from
the id that a hunt gave a campaign to its lasting id, and others stay.
"""
