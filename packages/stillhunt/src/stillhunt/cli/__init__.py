"""The command line: reads arguments, calls the public functions, shows the results."""

import os

# The partitions of a log keep the cores busy; threads of the algebra library beside them spin and wait for each other,
# which made the topics of a log ten times as dear. It reads this once, when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

try:
    from stillhunt.cli.start import main
except KeyboardInterrupt:  # before `main` watches the signals
    raise SystemExit(130) from None

__all__ = ["main"]
