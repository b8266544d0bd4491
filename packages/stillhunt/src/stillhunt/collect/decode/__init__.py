"""Bytes -> records: decompression, lines, JSON, CSV, Parquet, protobuf messages, and records within envelopes."""
