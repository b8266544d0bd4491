"""Logs of model gateways and clouds, one file each."""
