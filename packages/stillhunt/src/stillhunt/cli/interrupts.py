"""How Ctrl-C and SIGTERM end a command: by unwinding its calls, and by force where that takes too long.

Unwinding waits for threads: a pool is left only when its workers have ended, and one of them may be deep inside a
compiled kernel, or wait for an import that another one holds. So a thread waits beside. The system's own handler writes
the signal's number to its pipe at once, whatever the main thread does. If the command has not ended soon afterwards,
the thread removes the temporary folders and ends the process. Files with results are written beside their place and
renamed, so none is ever half there.
"""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from stillhunt.base.forced_end import remove_and_kill

UNWINDING_SECONDS = 0.8
"""Time for a command to end by itself. Judgement: removing the temporary folders, too, is done within two seconds."""
DRAINING_SECONDS = 15.0
"""The same for a server, which answers what was begun, closes its files and ends its hunt. Judgement: uvicorn waits for
ten seconds, and systemd kills after ninety."""
INTERRUPTED = "interrupted: no incomplete output was left behind"
_SHOW_CURSOR = "\x1b[?25h"
"""A bar of progress hides the cursor of the terminal."""
_allowed = [UNWINDING_SECONDS]
_own_codes: list[int] = []
"""The exit code that a command chose for its end; empty where a signal from outside ends it."""


def allow_draining() -> None:
    """Give this command as much time to end as a server needs."""
    _allowed[0] = DRAINING_SECONDS


def end_with_code(code: int) -> None:
    """End this process as a SIGTERM would, with its clean-up, but with an exit code that says why.

    Args:
        code: of `stillhunt.cli.findings.EXIT_MEANINGS`; whoever ends it must have said why already.
    """
    _own_codes.append(code)
    os.kill(os.getpid(), signal.SIGTERM)


def watch_signals() -> list[int]:
    """Let SIGINT and SIGTERM end this command after its clean-up, a second one at once; gives those that came."""
    seen: list[int] = []

    def note_and_interrupt(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        seen.append(number)
        if len(seen) > 1:
            end_now(seen[0])
        raise KeyboardInterrupt

    def pass_over_interrupts(lost: "sys.UnraisableHookArgs") -> None:
        # Python drops an interrupt that arrives during a callback of the memory manager; the thread beside ends then.
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(lost)

    sys.unraisablehook = pass_over_interrupts
    handled = [one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) is not signal.SIG_IGN]
    for number in handled:  # background jobs ignore interrupts
        signal.signal(number, note_and_interrupt)
    if handled:
        _end_if_late(note_and_interrupt)
    return seen


def end_now(number: int) -> NoReturn:
    """End this process without unwinding and without the interpreter's own end, which waits for threads of pools."""
    remove_and_kill()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # closed, or another thread writes to it
            stream.flush()
    said = "" if _own_codes else f"{INTERRUPTED}\n"
    text = f"{_SHOW_CURSOR if sys.stderr.isatty() else ''}{said}"
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
    os._exit(_own_codes[0] if _own_codes else 128 + number)


def _end_if_late(handler: object) -> None:
    """Wait in a thread for a signal of this handler, and end the process if it is still there some time later."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)

    def wait() -> None:
        number = os.read(reads, 1)[0]
        while signal.getsignal(number) is not handler:  # a server handles its signals itself, and drains first
            number = os.read(reads, 1)[0]
        threading.Event().wait(_allowed[0])
        end_now(number)

    threading.Thread(target=wait, name="stillhunt-end", daemon=True).start()
