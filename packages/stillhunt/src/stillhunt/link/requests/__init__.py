"""Requests of all accounts, indexed and in order, and which of them are judged."""
