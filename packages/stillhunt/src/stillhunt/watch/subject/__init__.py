"""What a data folder holds on one account, and its erasure unless a legal hold forbids it.

`holdings` searches every store, says what it has, where, how much, until when and under which hold, and erases it;
`records` knows the spool, `rows` the snapshots and the database, and `packs` the packs.
"""
