"""The founding case: three labs with 24,000 accounts in a log of 33 million requests, written block by block."""
