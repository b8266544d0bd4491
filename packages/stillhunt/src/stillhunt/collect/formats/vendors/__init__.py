"""Logs of model gateways, tracing products and clouds, one file each."""
