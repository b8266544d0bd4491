"""Fixtures of this folder."""

from watch.databases import opening, server  # noqa: F401 - pytest finds them here
