"""The error tree: each error says what happened, where, and what to do next.

StillhuntError                  root; never raised itself
├── InputError                  a log or accounts file cannot be used at all
├── ConfigError                 a setting is unknown, malformed or contradictory
├── OutputError                 the case folder cannot be written (exists, disk full, no permission)
├── EngineError                 the SQL engine failed; carries the statement's name
├── CaseError                   a case folder is missing, damaged or of another version
├── PackError                   an evidence pack or a shared file is damaged, changed or signed by nobody known
└── ContractError               a table between rooms does not have its declared shape (a bug of ours)
"""


class StillhuntError(Exception):
    """Root of all errors that stillhunt raises on purpose.

    Args:
        what: what went wrong, one sentence.
        where: file:line, table, column or setting; empty if there is no place.
        next_step: what the reader can do about it, in words of the library; empty if nothing can be done.
        command_step: the same with options of the command line; empty where `next_step` says it in both.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", next_step: str = "", command_step: str = "") -> None:
        self.what = what
        self.where = where
        self.next_step = next_step
        self.command_step = command_step or next_step
        super().__init__(self.__str__())

    def __str__(self) -> str:
        return self._format_error_with_step(self.next_step)

    def on_command_line(self) -> str:
        """The message for a user of the command line."""
        return self._format_error_with_step(self.command_step)

    def _format_error_with_step(self, step: str) -> str:
        place = f" [{self.where}]" if self.where else ""
        advice = f"\n  next: {step}" if step else ""
        return f"{self.what}{place}{advice}"


class InputError(StillhuntError):
    """A log or accounts file cannot be used at all (single bad rows go to rejects instead)."""


class ConfigError(StillhuntError):
    """A setting is unknown, malformed or contradictory."""

    exit_code = 5


class OutputError(StillhuntError):
    """The case folder cannot be written."""


class EngineError(StillhuntError):
    """The SQL engine failed on one of our statements."""


class CaseError(StillhuntError):
    """A case folder is missing, damaged or written by another major version."""


class PackError(StillhuntError):
    """An evidence pack, or a file to share, was changed, is damaged, or is not signed by a key that is trusted."""


class ContractError(StillhuntError):
    """A table handed from one room to the next does not have its declared shape."""
