"""Fixtures of this folder."""

from server.console.conftest import cheap_hashes, published, runner, scene  # noqa: F401 - pytest finds them here
