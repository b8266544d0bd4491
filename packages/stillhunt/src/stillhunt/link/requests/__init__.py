"""Requests of all accounts, indexed and in order; those that are judged."""
