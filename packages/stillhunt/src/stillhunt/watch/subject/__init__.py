"""What a data folder holds on one account, and its erasure where no hold stands.

`holdings` looks through every store and says what, where, how much, until when, and which hold keeps it; `erasing`
deletes or rewrites it. `records` knows the spool, `snapshot_rows` the snapshots, `database_rows` the database, and
`packs` the packs.
"""
