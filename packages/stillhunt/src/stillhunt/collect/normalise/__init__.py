"""Raw rows -> REQUESTS and ACCOUNTS: checked columns, keyed hashes of identities, networks of addresses."""
