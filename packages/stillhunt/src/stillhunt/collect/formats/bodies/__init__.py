"""Logs that hold little but bodies of model APIs: one call a record, and files of batch APIs."""
