"""The spool: raw records on disk before they are acknowledged."""
