"""OpenTelemetry: traces and log records of model calls, in protobuf and JSON."""
