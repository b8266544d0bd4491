"""What every command about models does first."""

from __future__ import annotations

from importlib.util import find_spec

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "trl", "gguf")


def start_models(config: Config) -> None:
    """Make the libraries of models ready: offline, quiet, with the threads of the settings.

    Raises:
        ConfigError: the extra is not installed.
    """
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"commands about models need an extra ({', '.join(missing)} not found)",
            next_step="pip install 'stillhunt[model]'",
        )
    from stillhunt_model.nets.ready import make_libraries_ready  # start-up time

    make_libraries_ready(config.model.threads)
