"""The key of an endpoint, which comes from the environment alone."""

import os

from stillhunt import ConfigError


def read_endpoint_key(variable: str) -> str:
    """The key in an environment variable; empty where none is named.

    Raises ConfigError: the variable is not set.
    """
    if not variable:
        return ""
    key = os.environ.get(variable, "")
    if not key:
        raise ConfigError(
            "the environment variable of the endpoint's key is not set",
            where=variable,
            next_step="set it to the key",
        )
    return key
