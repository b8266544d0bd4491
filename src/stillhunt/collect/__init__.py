"""Files, tables and vendor logs -> REQUESTS, ACCOUNTS, REJECTS."""
