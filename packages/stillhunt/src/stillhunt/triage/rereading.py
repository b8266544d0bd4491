"""How a few texts of the log are read again, and what may be asked of them; the spine lends it to this room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

ReadPrompts = Callable[[pa.Table], list[str | None]]
"""Rows of TRAFFIC -> the prompt of each, read again from the log."""


class Rereading(NamedTuple):
    """What is done with the texts of a few requests.

    Attributes:
        prompts: reads the prompts of some requests again.
        languages: tells the language of each prompt; None where it cannot be told.
        buckets: topic-word bucket of each word, as the sketches have it; below 0 where a word shows no topic.
    """

    prompts: ReadPrompts
    languages: Callable[[Sequence[str | None]], list[str | None]]
    buckets: Callable[[Sequence[str]], npt.NDArray[np.int32]]
