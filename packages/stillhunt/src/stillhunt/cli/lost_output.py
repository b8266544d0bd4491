"""What stdout did not take: a full disk is an error, and a reader that has gone is none."""

import os
import sys
from typing import IO


def discard_output(stream: IO[str]) -> None:
    """Send a stream whose reader has gone to the null device, so that the interpreter's last flush raises nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def lost_output() -> OSError | None:
    """Why stdout did not take all that was written, such as a full disk; None where it did, or its reader has gone.

    What it did not take is discarded, so that it is reported once.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        discard_output(sys.stdout)
        return None if isinstance(error, BrokenPipeError) else error
    return None
