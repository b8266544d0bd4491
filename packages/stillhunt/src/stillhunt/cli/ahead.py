"""What a hunt will need, said before it begins; one for which the memory will not do is refused."""

import psutil

from stillhunt.base import formatting
from stillhunt.base.container_memory import container_memory
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Progress
from stillhunt.forecast import HuntForecast

_GB = 1e9


def tell_forecast(progress: Progress, told: HuntForecast, *, force: bool) -> None:
    """Say what a hunt will need; an InputError if this machine's or container's memory will not do, unless forced."""
    size = told.size
    progress.note(
        f"some {_rounded(round(size.requests))} requests with {_gigabytes(size.text_bytes)} of text: "
        f"about {duration(told.seconds)} ({duration(told.cpu_seconds)} of a processor) "
        f"and {_gigabytes(told.memory_bytes)} of memory"
    )
    machine = psutil.virtual_memory().total
    most = min(machine, container_memory())
    if told.memory_bytes > most and not force:
        whose = "this container may take" if most < machine else "this machine has"
        need, limit = _gigabytes(told.memory_bytes), _gigabytes(most)
        raise InputError(
            f"the hunt needs about {need} of memory, and {limit} is all that {whose}",
            next_step="hunt in fewer files at a time, give it more memory, or hunt on Spark",
            command_step="hunt in fewer files at a time, give it more memory, or use --engine spark; "
            "--force-memory hunts all the same",
        )


def duration(seconds: float) -> str:
    """A time as people say it, with about two digits."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{minutes / 60:.1f} hours"


def _gigabytes(size: float) -> str:
    return f"{size / _GB:.1f} GB" if size >= 0.1 * _GB else f"{max(size / 1e6, 1):.0f} MB"


def _rounded(number: int) -> str:
    """A number with two digits that say something."""
    digits = max(len(str(number)) - 2, 0)
    return formatting.number(round(number, -digits), 0)
