"""OpenTelemetry: traces and log records of model calls, in protobuf and JSON.

A record passes through `entries` (with `protobuf`), which gives spans and log records; `traces` or `events`, which
learn from all of them first; `dialects` and `identity`, which read one; and `sources`, which makes the row.
"""
