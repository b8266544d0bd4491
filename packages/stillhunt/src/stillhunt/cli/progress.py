"""Progress on stderr: bars with rates on a terminal, one line per finished step elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from stillhunt.base import formatting
from stillhunt.base.progress import Advance, Progress, Silent
from stillhunt.cli.terminal import message_console

MEGABYTE = 1_000_000
REFRESHES_PER_SECOND = 6  # drawing takes time from the hunt


def open_progress(*, quiet: bool) -> AbstractContextManager[Progress]:
    """Progress that suits the terminal: silent when quiet, bars on a terminal, plain lines elsewhere."""
    if quiet:
        return nullcontext(Silent())
    console = message_console()
    if console.is_terminal and not console.is_dumb_terminal:
        return _bars(console)
    return nullcontext(LineProgress(console))


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    with RichProgress(*bar_columns(), console=console, refresh_per_second=REFRESHES_PER_SECOND) as bars:
        yield BarProgress(bars)


def bar_columns() -> tuple[ProgressColumn, ...]:
    """The columns of one bar: step, bar, amount with rate, time."""
    return (
        TextColumn("{task.description:<20}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=16),
        _AmountColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(),
    )


class BarProgress:
    """Progress as bars, on a started rich display, that stay on the screen when their step is done."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Open one step; calling the yielded function advances its bar."""
        task = self._bars.add_task(formatting.escape_controls(name), total=total, unit=unit)
        yield lambda done: self._bars.advance(task, done)
        completed = self._bars.tasks[task].completed
        self._bars.update(task, total=max(completed, 1), completed=max(completed, 1), amount=completed)
        self._bars.stop_task(task)

    def note(self, text: str) -> None:
        """Show one line above the bars."""
        self._bars.console.print(formatting.escape_controls(text))


class _AmountColumn(ProgressColumn):
    """How much is done, of how much, and how fast."""

    def render(self, task: Task) -> Text:
        """The column's text for one bar."""
        done = int(task.fields.get("amount", task.completed))
        if not done and task.finished:
            return Text("done")
        rate = done / task.elapsed if task.elapsed else None
        return Text(amount(done, None if task.finished else task.total, rate, task.fields["unit"]))


class LineProgress:
    """Progress as one line per finished step, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Open one step; its line is printed when it ends."""
        del total
        lock = threading.Lock()
        done = 0
        started = time.monotonic()

        def advance(count: int) -> None:
            nonlocal done
            with lock:
                done += count

        yield advance
        seconds = time.monotonic() - started
        rate = done / seconds if seconds > 0 else None
        parts = [amount(done, None, rate, unit)] if done else []
        self._console.print(f"{formatting.escape_controls(name)}: {', '.join([*parts, f'{seconds:.1f} s'])}")

    def note(self, text: str) -> None:
        """Print one line."""
        self._console.print(formatting.escape_controls(text))


def amount(done: float, total: float | None, rate: float | None, unit: str) -> str:
    """How much is done and how fast: `12,000/50,000 rows, 48,211/s` or `12.0 MB, 85.1 MB/s`.

    `total` is None where unknown or reached, `rate` (a second) where not known yet; less than one is not told.
    """
    of_total = "" if total is None else f"/{_format_progress_number(total, unit)}"
    slow = rate is None or (rate < 1 and unit != "bytes")  # "0/s" says that nothing happens
    speed = "" if slow else f", {_format_progress_number(rate or 0.0, unit)}{' MB' if unit == 'bytes' else ''}/s"
    return f"{_format_progress_number(done, unit)}{of_total} {_format_unit_label(unit)}{speed}"


def _format_progress_number(value: float, unit: str) -> str:
    return formatting.number(value / MEGABYTE, 1) if unit == "bytes" else formatting.number(value, 0)


def _format_unit_label(unit: str) -> str:
    return "MB" if unit == "bytes" else formatting.escape_controls(unit)
