"""Records to REQUESTS and ACCOUNTS: checked columns, keyed hashes, looked-up networks."""
