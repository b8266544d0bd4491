"""Bytes to records: decompression, lines, CSV, Parquet, protobuf framing, and what carries records inside."""
