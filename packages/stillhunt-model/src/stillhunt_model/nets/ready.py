"""The libraries of models, made offline and quiet."""

import os

_SETTINGS = {
    "HF_HUB_OFFLINE": "1",  # models are local folders; nothing asks a hub
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "DISABLE_TELEMETRY": "1",
    "TRL_EXPERIMENTAL_SILENCE": "1",
}


def make_libraries_ready(threads: int) -> None:
    """Make torch and transformers ready: offline, quiet, with so many threads.

    `threads`: for training and generating; 0 leaves as many as there are cores.
    """
    os.environ.update(_SETTINGS)
    import torch  # start-up time, and after the environment
    import transformers  # start-up time, and after the environment

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    if threads:
        torch.set_num_threads(threads)
