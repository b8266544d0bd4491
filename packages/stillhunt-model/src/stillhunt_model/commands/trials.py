"""`stillhunt model trials`: the register of trials, listed and checked."""

from typing import Annotated, Any

import typer

from stillhunt import Config, ConfigError
from stillhunt.commands import (
    JsonFlag,
    SettingsOption,
    message_console,
    output_console,
    print_columns,
    print_json,
    safe_lines,
)
from stillhunt.ledger.chain import FIRST_HASH, LEDGER_START, LedgerPlace
from stillhunt.tools import formatting
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_evidence.pages.trained_models import p_value
from stillhunt_model.orders.register import model_folder
from stillhunt_model.proof.trials import TrialRegister

_SHORT = 12
trials_commands = typer.Typer(
    no_args_is_help=True,
    help="List which suspects were asked about which campaigns, and check that none was taken back.",
)


def open_trials(config: Config) -> TrialRegister:
    """The register of the settings, with its checkpoint in the folder of keys."""
    return TrialRegister(model_folder(config), config.model.pairs, keys_folder(config))


def say_end_of_register(entries: list[dict[str, Any]]) -> str:
    """Where the register ends, and what that is good for."""
    end = f"{entries[-1]['seq']}:{entries[-1]['digest']}" if entries else f"0:{FIRST_HASH}"
    return (
        f"The register of trials ends with {end}. Keep this elsewhere: `stillhunt model trials verify --expect` then "
        "shows whether a trial was taken back."
    )


@trials_commands.command("list")
def list_trials(settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List all trials: which suspect was asked about which campaign, when, and what came of it."""
    entries = open_trials(Config.load(file=settings_file)).verified_entries()
    results = {one["number"]: one for one in entries if one["kind"] == "result"}
    trials = [one for one in entries if one["kind"] == "trial"]
    if as_json:
        print_json({"trials": [{**one, "result": results.get(one["number"])} for one in trials]})
        return
    rows = [("place", "at", "suspect (SHA-256)", "campaign", "verdict", "p, corrected")]
    for one in trials:
        result = results.get(one["number"])
        said = (result["verdict"], p_value(result["corrected"])) if result else ("unfinished", "")
        campaign = formatting.shorten(one["campaign"], 40)
        rows.append((f"{one['number']:,}", one["at"], one["suspect"][:_SHORT], campaign, *said))
    print_columns(output_console(), rows)
    message_console().print(safe_lines(say_end_of_register(entries)), soft_wrap=True)


@trials_commands.command("verify")
def verify_trials(
    expect: Annotated[
        str,
        typer.Option("--expect", metavar="NUMBER:HASH", help="End of the register that you kept earlier."),
    ] = "",
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check the whole register, compared with the checkpoint in the folder of keys and with an end that you kept."""
    entries = open_trials(Config.load(file=settings_file)).verified_entries(_parse_place(expect))
    trials = sum(one["kind"] == "trial" for one in entries)
    if as_json:
        end = {name: entries[-1][name] for name in ("seq", "digest")} if entries else LEDGER_START._asdict()
        print_json({"entries": len(entries), "trials": trials, "end": end})
        return
    output_console().print(
        f"Whole: {formatting.plural(len(entries), 'entry', 'entries')} with {formatting.plural(trials, 'trial')}."
    )
    message_console().print(safe_lines(say_end_of_register(entries)), soft_wrap=True)


def _parse_place(text: str) -> LedgerPlace:
    if not text:
        return LEDGER_START
    number, _, digest = text.partition(":")
    if not (number.isascii() and number.isdigit() and len(digest) == len(FIRST_HASH)):
        raise ConfigError(
            "this is no end of a register",
            where="--expect",
            next_step="give the number, a colon and the hash, as prove and trials print them",
        )
    return LedgerPlace(int(number), digest)
