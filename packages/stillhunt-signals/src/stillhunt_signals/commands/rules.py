"""`stillhunt rules`: rules of the provider's own."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from stillhunt import ConfigError
from stillhunt.commands import (
    DEFAULT_DATA,
    DataOption,
    JsonFlag,
    SettingsOption,
    login_name,
    minute_of,
    output_console,
    print_columns,
    print_json,
    safe_lines,
)
from stillhunt.live import Config, DataFolder, Policy, RuleState, latest_snapshot, policy_of, read_rule_rows
from stillhunt.tools import number, plural, shorten, verb
from stillhunt_signals.rules.fitting import SnapshotValues, fitting_accounts
from stillhunt_signals.rules.known_beside import columns_with_signals
from stillhunt_signals.rules.language import MOST_MICROSECONDS, RuleCondition
from stillhunt_signals.rules.rule_file import OwnRuleFile, check_new_rule, read_rule
from stillhunt_signals.rules.saved import LABEL_SUBJECTS, ChangeAuthor, LabelSubject, RuleLedger, SavedRule, card_name
from stillhunt_signals.sign_up.free_tiers import find_free_tiers
from stillhunt_signals.sign_up.identifiers import SignUpHasher
from stillhunt_signals.sign_up.registered import RegisteredSignUps

rule_commands = typer.Typer(
    no_args_is_help=True, help="Rules of your own over columns and hourly counts: save, try, switch and label."
)
RuleFile = Annotated[Path, typer.Argument(metavar="FILE", help="A rule (TOML).")]
RuleName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a saved rule.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the ledger.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who changes it; your login name without this.")]
_SHOWN_ACCOUNTS = 20


@rule_commands.command("columns")
def list_rule_columns(settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List the columns that a condition may name, with their types; declared signals are among them."""
    columns = columns_with_signals(Config.load(file=settings_file)).values()
    if as_json:
        print_json([one._asdict() for one in columns])
        return
    print_columns(output_console(), [("column", "type", "meaning"), *columns])


@rule_commands.command("check")
def check_rule(file: RuleFile, settings_file: SettingsOption = None) -> None:
    """Check a rule: its types, its cost, and its examples."""
    rule, condition, took = _check_file(file, settings_file)
    examples, of = plural(len(rule.example), "example"), {"account": "accounts", "hour": "hours of accounts"}
    output_console().print(f"The rule {rule.name} can be used: it looks at {of[condition.over]}; {examples} hold.")
    output_console().print(f"It takes {took:,.0f} microseconds for one at most; {MOST_MICROSECONDS:,.0f} are allowed.")


@rule_commands.command("try")
def try_own_rule(
    file: RuleFile, data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """Show which accounts of the latest snapshot fit a rule, before it is saved; protections are not applied."""
    rule, condition, _ = _check_file(file, settings_file)
    folder = _open_folder(data)
    snapshot = latest_snapshot(folder)
    if snapshot is None:
        raise ConfigError("there is no snapshot yet", where=str(data), next_step="wait for the first hunt")
    rows = read_rule_rows(snapshot)
    unknown = sorted(
        one for one in condition.names if one.startswith("signal.") and one not in rows.accounts.column_names
    )
    values = SnapshotValues(rows, snapshot.facts()["made_at"], RuleLedger(folder))
    found = sorted(fitting_accounts(condition, values))
    if as_json:
        said = {"rule": rule.name, "snapshot": snapshot.sequence, "accounts": found, "of": rows.accounts.num_rows}
        print_json({**said, "unknown": unknown})
        return
    console = output_console()
    for name in unknown:
        console.print(f"Snapshot {snapshot.sequence} does not know {name}; a hunt after its declaration does.")
    console.print(f"{plural(len(found), 'account')} of {rows.accounts.num_rows:,} of snapshot {snapshot.sequence}.")
    if found:
        print_columns(console, [(f"  {account}",) for account in found[:_SHOWN_ACCOUNTS]])
    if len(found) > _SHOWN_ACCOUNTS:
        console.print(f"and {len(found) - _SHOWN_ACCOUNTS:,} more; --json has all")


@rule_commands.command("save")
def save_rule_file(
    file: RuleFile,
    reason: ReasonOption,
    by: ByOption = "",
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Save a rule, or another version of it; from the next hunt on it does what its state says."""
    ledger = RuleLedger(_open_folder(data), columns_with_signals(Config.load(file=settings_file)))
    saved = ledger.save_rule(read_rule(file), str(file), _author_of(by, reason))
    output_console().print(f"Change {saved.seq}: rule {saved.name} is {_say_state(saved.state)}.")


@rule_commands.command("set")
def set_rule(
    name: RuleName,
    state: Annotated[str, typer.Argument(metavar="STATE", help="off, simulated or in_force.")],
    reason: ReasonOption,
    by: ByOption = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Turn a rule on or off, or simulate it."""
    chosen: RuleState = _choose(state, get_args(RuleState), "state")
    saved = _open_ledger(data).set_rule_state(name, chosen, _author_of(by, reason))
    output_console().print(f"Change {saved.seq}: rule {saved.name} is {_say_state(saved.state)}.")


@rule_commands.command("list")
def list_rules(data: DataOption = DEFAULT_DATA, as_json: JsonFlag = False) -> None:
    """List the saved rules with their states; 'stillhunt policy simulate' says what each would have done."""
    rules = _open_ledger(data).rules().values()
    if as_json:
        print_json([_fields_of_rule(one) for one in rules])
        return
    header = ("rule", "state", "action", "days", "changed", "by", "reason")
    rows = [
        (one.name, _say_state(one.state), one.file.action, number(one.file.days), minute_of(one.at), one.by,
         shorten(one.reason, 60))
        for one in rules
    ]  # fmt: skip
    print_columns(output_console(), [header, *rows] if rows else [("No rules are saved.",)])


@rule_commands.command("show")
def show_rule(name: RuleName, data: DataOption = DEFAULT_DATA) -> None:
    """Print a saved rule, as a file that can be changed and saved again."""
    found = _open_ledger(data).rules().get(name)
    if found is None:
        raise ConfigError("no such rule was saved", where=f"rule {name[:64]}", next_step="list the rules")
    typer.echo(safe_lines(found.content.rstrip("\n")))


@rule_commands.command("history")
def show_rule_history(data: DataOption = DEFAULT_DATA, as_json: JsonFlag = False) -> None:
    """List all changes of rules and labels, with who made them and why; the ledger is checked meanwhile."""
    entries = _open_ledger(data).entries()
    if as_json:
        print_json(entries)
        return
    header = ("change", "at", "by", "what", "reason")
    rows = [
        (str(one["seq"]), minute_of(one["at"]), one["by"], _say_change(one), shorten(one["reason"], 60))
        for one in entries
    ]
    print_columns(output_console(), [header, *rows] if rows else [("No changes.",)])
    if entries:
        output_console().print(f"The last hash is {entries[-1]['digest']}.")


@rule_commands.command("label")
def put_rule_label(
    subject: Annotated[str, typer.Argument(metavar="ON", help="account, card, network or client.")],
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="The account; for a card, an account that pays with it.")
    ],
    label: Annotated[str, typer.Argument(metavar="LABEL", help="At most 40 characters.")],
    reason: ReasonOption,
    days: Annotated[float, typer.Option("--days", help="For how long; 0 takes the label away.")] = 30.0,
    by: ByOption = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Label an account, a card, a network or a client for a time; rules read it as account.labels."""
    chosen: LabelSubject = _choose(subject, LABEL_SUBJECTS, "what is labelled")
    named = _card_of(data, value) if chosen == "card" else value
    _open_ledger(data).put_label(chosen, named, label, days, _author_of(by, reason))
    output_console().print("Labelled." if days else "The label is taken away.")


@rule_commands.command("free-tiers")
def list_free_tiers(
    data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """List persons with several free tiers, by card, mail and device; this says nothing about harvesting."""
    config, folder = Config.load(file=settings_file), _open_folder(data)
    snapshot = latest_snapshot(folder)
    policy = policy_of(folder, config) or Policy()
    found = [] if snapshot is None else find_free_tiers(
        read_rule_rows(snapshot),
        RegisteredSignUps(folder, time.time_ns() // 1000, keeps=False),
        SignUpHasher(folder, config),
        policy.sign_up.trial_plans,
        policy.sign_up.least_free_tiers,
    )  # fmt: skip
    if as_json:
        print_json([{**asdict(one), "statement": one.statement} for one in found])
        return
    console, also = output_console(), sum(one.in_campaigns for one in found)
    accounts = plural(sum(len(one.accounts) for one in found), "free tier")
    console.print(f"{plural(len(found), 'person', 'persons')} with {accounts}, counted apart from harvesting.")
    if also:
        console.print(f"{plural(also, 'account')} of these {verb(also, 'is', 'are')} in campaigns, too.")
    print_columns(
        console, [(one.statement, f"{one.requests:,} requests", ", ".join(one.accounts[:5])) for one in found]
    )


def _check_file(file: Path, settings_file: Path | None) -> tuple[OwnRuleFile, RuleCondition, float]:
    return check_new_rule(read_rule(file), str(file), columns_with_signals(Config.load(file=settings_file)))


def _card_of(data: Path, account: str) -> str:
    snapshot = latest_snapshot(_open_folder(data))
    rows = [] if snapshot is None else read_rule_rows(snapshot).accounts.to_pylist()
    name = next((card_name(row["payment_fingerprint"]) for row in rows if row["account_id"] == account), "")
    if not name:
        raise ConfigError(
            "the card of this account is not known", where="VALUE", next_step="name an account of the latest hunt"
        )
    return name


def _choose(given: str, choices: tuple[Any, ...], what: str) -> Any:
    if given not in choices:
        raise ConfigError(
            f"no such choice: {shorten(given, 40)}", where=what, next_step=f"use one of {', '.join(choices)}"
        )
    return given


def _open_folder(data: Path) -> DataFolder:
    if not data.is_dir():
        raise ConfigError("this is no data folder", where=str(data), next_step="name the data folder of a watch")
    return DataFolder(data)


def _open_ledger(data: Path) -> RuleLedger:
    return RuleLedger(_open_folder(data))


def _author_of(by: str, reason: str) -> ChangeAuthor:
    return ChangeAuthor(by or login_name(), reason, time.time_ns() // 1000)


def _say_state(state: str) -> str:
    return state.replace("_", " ")


def _say_change(entry: Mapping[str, Any]) -> str:
    if entry["kind"] == "rule":
        return f"rule {entry['name']}: {_say_state(entry['state'])}"
    until = f"until {minute_of(entry['until'])}" if entry["until"] > entry["at"] else "taken away"
    return f"label {entry['label']} on the {entry['on']} {shorten(entry['value'], 24)}, {until}"


def _fields_of_rule(rule: SavedRule) -> dict[str, Any]:
    return {
        **rule.file.model_dump(mode="json"),
        "change": rule.seq,
        "at": rule.at,
        "by": rule.by,
        "why": rule.reason,
        "microseconds": rule.microseconds,
    }
