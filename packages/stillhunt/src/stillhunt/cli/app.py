"""The root of the command line: the table of its commands, those of other distributions, and its own options."""

from typing import Annotated, Any

import typer

from stillhunt._version import __version__
from stillhunt.base.errors import ConfigError
from stillhunt.cli.entries import COMES_WITH, CommandEntry, broken_command, entry_of, missing_command, other_commands
from stillhunt.cli.lazy import LazyGroup, load_command

EPILOG = (
    "Exit codes: 0 nothing found, 1 error, 2 usage, 3 findings, 4 partial, 5 configuration, 75 lease lost, "
    "130 interrupted."
)
_CLI = "stillhunt.cli."
CORE_COMMANDS = {
    "hunt": CommandEntry("Find campaigns in request logs.", _CLI + "hunting:hunt"),
    "inspect": CommandEntry(
        "Show which logs these are and what evidence they allow, without a hunt.", _CLI + "inspecting:inspect"
    ),
    "explain": CommandEntry("Explain why a campaign or an account has its verdict.", _CLI + "lookups:explain_command"),
    "export": CommandEntry(
        "Export the accounts of campaigns, for a ticket, a spreadsheet or another program.", _CLI + "exporting:export"
    ),
    "schema": CommandEntry("Print the tables and what their columns mean.", _CLI + "lookups:schema"),
    "config": CommandEntry("Settings and where they come from.", _CLI + "lookups:config_commands"),
    "doctor": CommandEntry("Check whether this machine is fit for a hunt.", _CLI + "doctor:doctor"),
    "watch": CommandEntry("Hunt repeatedly in growing logs, without receiving anything.", _CLI + "watching:watch"),
    "history": CommandEntry("Show what became of campaigns from hunt to hunt.", _CLI + "history:show_history"),
    "decisions": CommandEntry(
        "Decisions about accounts: what is done, by whom, why, and until when.", _CLI + "decisions:decision_commands"
    ),
    "appeals": CommandEntry(
        "Appeals of customers against decisions, and how they were decided.", _CLI + "appeals:appeal_commands"
    ),
    "policy": CommandEntry(
        "Check, show or simulate a policy, which says what rules may do about findings.",
        _CLI + "policies:policy_commands",
    ),
    "data": CommandEntry("Keep, check and erase the data of a watch.", _CLI + "data:data_commands"),
    "support": CommandEntry(
        "What helps whoever mends a fault, without texts and accounts.", _CLI + "support:support_commands"
    ),
    "plugin": CommandEntry(
        "Plugins: packages of other people, and your own.", "stillhunt.plugins.commands:plugin_commands"
    ),
}
"""The commands of this distribution, in the order of `--help`."""
EARLIER_NAMES = ("hold", "backup", "restore", "spool", "database", "subject")
"""Commands of the group `data` that had no group; they work under their earlier names, too."""


class _Root(LazyGroup):
    """The commands of this distribution, and those of others by their entry points."""

    entries = CORE_COMMANDS

    def names(self) -> list[str]:
        return [*self.entries, *(name for name in other_commands() if name not in self.entries)]

    def row(self, name: str) -> CommandEntry | None:
        if name in self.entries:
            return self.entries[name]
        try:
            return entry_of(other_commands()[name])
        except ConfigError:  # said below the rows, and when it is asked for
            return None

    def load(self, name: str) -> Any:
        if name in self.entries:
            return super().load(name)
        if name in EARLIER_NAMES:
            from stillhunt.cli.data import DATA_TABLE  # start-up time

            return load_command(name, DATA_TABLE[name]._replace(hidden=True))
        point = other_commands().get(name)
        if point is None:
            if name in COMES_WITH:
                raise missing_command(name)
            return None
        entry = entry_of(point)
        try:
            return load_command(name, entry)
        except (ImportError, AttributeError) as error:
            raise broken_command(name, point, error) from error

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        super().format_commands(ctx, formatter)
        broken = [name for name in self.names() if self.row(name) is None]
        if broken:
            with formatter.section("Commands that cannot be loaded"):
                formatter.write_text(f"{', '.join(broken)}; run one to see why.")


app = typer.Typer(
    cls=_Root,
    name="stillhunt",
    help="Find who is distilling your model: harvesting campaigns in LLM API request logs.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stillhunt {__version__}")
        raise typer.Exit


@app.callback()
def _accept_root_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version  # its callback has done the work
