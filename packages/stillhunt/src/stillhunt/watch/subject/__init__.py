"""What a data folder holds on one account, and its erasure where no hold stands.

`holdings` looks through every store, says what, where, how much, until when, and which hold keeps it, and erases it;
`records` knows the spool, `rows` the snapshots and the database, and `packs` the packs.
"""
