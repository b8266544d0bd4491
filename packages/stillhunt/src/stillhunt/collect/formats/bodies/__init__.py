"""Logs that contain little more than bodies of API calls: one call per record, and files of batch APIs."""
