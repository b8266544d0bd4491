"""What the core shows of the commands of this distribution; it is read at each `--help`."""

from stillhunt.commands import CommandEntry

_HERE = "stillhunt_signals.commands."
rules = CommandEntry(
    "Rules of your own over columns and hourly counts: save, try, switch and label.", _HERE + "rules:rule_commands"
)
signals = CommandEntry(
    "Signals that you know of accounts beside the log: what they say, and what they would have changed.",
    _HERE + "signals:signal_commands",
)
terms = CommandEntry(
    "Breaches of your terms, beside a harvest and never as evidence of one.", _HERE + "terms:terms_commands"
)
outlets = CommandEntry(
    "Other systems that are told of decisions, once a person switched them on.", _HERE + "outlets:outlet_commands"
)
