"""Logs and customer tables of the LiteLLM proxy."""
