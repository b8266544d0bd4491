"""`stillhunt signals`: outside signals as evidence; each command is imported when it runs."""

from stillhunt.commands import CommandEntry, lazy_typer

_HERE = "stillhunt_signals.commands."
SIGNALS_TABLE = {
    "list": CommandEntry(
        "Show the declared signals, what was read of each, and what was learned of it.", _HERE + "listing:list_signals"
    ),
    "ready": CommandEntry(
        "List the signals that are ready to use, and where their fields are documented.", _HERE + "listing:list_ready"
    ),
    "learn": CommandEntry("Learn from your own past what each signal is worth.", _HERE + "learning:learn_command"),
    "try": CommandEntry(
        "Say what the signals would have changed in a case; the case itself is not changed.",
        _HERE + "trying:try_signals",
    ),
}
signal_commands = lazy_typer(
    SIGNALS_TABLE, "Signals that you know of accounts beside the log: what they say, and what they would have changed."
)
