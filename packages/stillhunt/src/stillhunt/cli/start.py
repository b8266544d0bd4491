"""The start of the program, and the one place where errors become messages and exit codes.

Nothing here imports a library that takes long: `--version` is answered in the time that Python itself needs.
"""

import errno
import signal
import sys
from typing import NoReturn

from stillhunt._version import __version__
from stillhunt.base.errors import StillhuntError
from stillhunt.base.garbage import search_garbage_rarely
from stillhunt.cli.interrupts import end_now, watch_signals
from stillhunt.cli.lost_output import lost_output

own_process = False
"""Whether this process runs one command and ends with it, so that a command may set it as it likes."""
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main() -> NoReturn:
    """Run the command line and exit with its code (`stillhunt.cli.findings.EXIT_MEANINGS`)."""
    global own_process
    own_process = True
    signals = watch_signals()
    search_garbage_rarely()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not end the hunt.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        _run_command_line()
    except (SystemExit, KeyboardInterrupt, Exception) as leaving:
        # Libraries turn an interrupt into errors of their own (the SQL engine does), so the signal decides.
        if signals or isinstance(leaving, KeyboardInterrupt):
            end_now((signals or [signal.SIGINT])[0])
        sys.exit(_exit_code_of(leaving))
    sys.exit(0)


def _run_command_line() -> None:
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"stillhunt {__version__}\n")
        raise SystemExit(0)
    from stillhunt.cli.app import app  # start-up time

    app()


def _exit_code_of(leaving: BaseException) -> int | str | None:
    """The exit code for what ended a command, after printing what the user must know."""
    lost = lost_output()
    if lost is None and isinstance(leaving, OSError) and leaving.errno in DISK_ERRORS:
        lost = leaving  # an unbuffered stdout says so only once
    if lost is not None:
        _write_stderr_message(f"error: the output cannot be written: {lost.strerror or lost}")
        if isinstance(leaving, SystemExit | OSError):
            return 1
    if isinstance(leaving, SystemExit):
        return leaving.code
    if isinstance(leaving, StillhuntError):
        _write_stderr_message(f"error: {leaving.on_command_line()}")
        return leaving.exit_code
    if isinstance(leaving, MemoryError):
        _write_stderr_message(f"error: there is not enough memory: {str(leaving) or 'none is left'}")
        _write_stderr_message("  next: give it more memory, or hunt in fewer days of the log, or on Spark")
        return 1
    import traceback  # rarely needed

    _write_stderr_message("".join(traceback.format_exception(leaving)))
    _write_stderr_message("error: this is a bug in stillhunt; please report it with the lines above")
    return 1


def _write_stderr_message(text: str) -> None:
    """Write one message to stderr; error texts quote file names and log content, so their controls are escaped."""
    from stillhunt.cli.terminal import safe_lines  # start-up time

    sys.stderr.write(safe_lines(text.rstrip("\n")) + "\n")
