"""Prompts as they stand: the same words with the same numbers.

Templates, checks and signatures compare prompts in which all numbers are alike, for a date or a count makes no other
prompt of them. Whether a prompt was sent before, by the same account or another, is a question about the text that was
sent: one exercise with new numbers each time is a new exercise each time.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import GOLDEN_RATIO

PROMPT_COLUMNS = ("prompt_hash", "numbers")


def exact_prompts(table: pa.Table) -> npt.NDArray[np.uint64]:
    """One hash for each prompt of SKETCHES or TRAFFIC with its numbers; 0 where there is no prompt.

    It is the hash of the normalised prompt where the numbers are not known, in sketches of earlier versions.
    """
    words, numbers = table["prompt_hash"].to_numpy(), pc.fill_null(table["numbers"], 0).to_numpy()
    # The lowest bit of a prompt's hash is 1 and stays so.
    mixed: npt.NDArray[np.uint64] = words ^ (numbers * GOLDEN_RATIO << np.uint64(1))
    return np.where(words > 0, mixed, words)
