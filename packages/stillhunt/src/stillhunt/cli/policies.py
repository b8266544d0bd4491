"""`stillhunt policy`: what rules may do about findings: check, show and try a policy."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.cli.database import opened_database
from stillhunt.cli.options import DEFAULT_DATA, DataOption, JsonFlag, SettingsOption
from stillhunt.cli.terminal import output_console, print_columns, print_json
from stillhunt.decide.actions import ACTIONS
from stillhunt.decide.policy import Policy, Rule, read_policy
from stillhunt.decide.running import policy_of
from stillhunt.decide.simulation import SIMULATED_DAYS, RuleTrial, simulate
from stillhunt.watch.folder import SNAPSHOTS, DataFolder

policy_commands = typer.Typer(
    no_args_is_help=True, help="Check, show or simulate a policy, which says what rules may do about findings."
)
PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A policy (TOML).")]


@policy_commands.command("check")
def check_policy(file: PolicyFile) -> None:
    """Check a policy; errors come with line and column."""
    policy = read_policy(file)
    rules = formatting.plural(len(policy.rule), "rule")
    output_console().print(f"{rules}, mode {policy.mode}, at most {policy.ceiling}: the policy can be used")


@policy_commands.command("show")
def show_policy(
    data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """Show the policy of a data folder with all defaults."""
    policy = _require_policy(data, settings_file)
    if as_json:
        print_json(policy.model_dump(mode="json"))
        return
    console = output_console()
    delay = " to ".join(formatting.number(bound) for bound in policy.delay_minutes)
    switch = "; the kill switch is on, so rules decide nothing" if policy.kill_switch else ""
    console.print(f"Mode {policy.mode}{switch}. Rules go no further than {policy.ceiling}, after {delay} minutes,")
    exempt = formatting.plural(len(policy.exempt.accounts), "account")
    console.print(f"for {formatting.plural(policy.accounts_per_day, 'new account')} a day. {exempt} exempt.")
    if policy.established_days:
        console.print(
            f"Accounts opened {policy.established_days:g} days before their campaign began are only tagged.\n"
        )
    else:
        console.print("Accounts are treated in the same way, however old they are.\n")
    rows = [
        (
            one.name,
            one.state.replace("_", " "),
            one.action,
            f"{formatting.number(one.days)} days",
            _describe_rule_conditions(one),
        )
        for one in policy.rule
    ]
    print_columns(console, rows or [("no rules",) + ("",) * 4])
    console.print()
    print_columns(console, _describe_policy_sections(policy))


@policy_commands.command("simulate")
def simulate_policy(
    file: PolicyFile,
    data: DataOption = DEFAULT_DATA,
    days: Annotated[float, typer.Option("--days", min=0.0, help="Look at the snapshots of so many days.")] = (
        SIMULATED_DAYS
    ),
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a policy, and each of its rules alone, would have done at the kept snapshots.

    Counts the accounts that each action would have affected; how many of these send most of their requests outside of
    the campaign, ask again within a conversation, have a payment instrument, or are older than 90 days; and how many a
    later snapshot would have released. For each rule alone, your own ones too, counts whom it would have touched, who
    of them appealed, and what people said of them. The section [signature] is left out: snapshots do not have the
    requests that signatures are matched with.
    """
    policy, config = read_policy(file), Config.load(file=settings_file)
    if not (data / SNAPSHOTS).is_dir():
        raise CaseError(
            "this data folder has no snapshots", where=str(data), next_step="name the data folder of a running watch"
        )
    with opened_database(data, settings_file) as database:
        found = simulate(policy, DataFolder(data), database, config, time.time_ns() // 1000, days)
    touched = found.touched.total()
    if as_json:
        told = {name: value for name, value in asdict(found).items() if name != "log"}
        print_json({**told, "touched": dict(found.touched)})
        return
    console = output_console()
    console.print(f"{formatting.plural(found.snapshots, 'snapshot')}, {formatting.plural(touched, 'account')} touched.")
    rows = [
        (action, formatting.plural(found.touched[action], "account")) for action in ACTIONS if found.touched[action]
    ]
    if rows:
        print_columns(console, rows)
        console.print(f"\n{found.own_traffic:,} of them send most of their requests outside of the campaign.")
        console.print(f"{found.paying:,} have a payment instrument; {found.old:,} are older than 90 days.")
        if found.asking_back is not None:
            console.print(f"{found.asking_back:,} ask again within a conversation, as people do.")
        console.print(f"A later snapshot would have let {formatting.plural(found.undone, 'account')} go again.")
    if found.rules:
        console.print("\nEach rule alone, and what people said of the accounts that it would have touched:")
        print_columns(console, [_RULE_HEADER, *map(_describe_rule_trial, found.rules)])


_RULE_HEADER = ("rule", "state", "would have touched", "appealed", "confirmed", "dismissed")


def _describe_rule_trial(trial: RuleTrial) -> tuple[str, ...]:
    touched = ", ".join(f"{trial.touched[action]:,} {action}" for action in ACTIONS if action in trial.touched)
    counts = (f"{number:,}" for number in (trial.appealed, trial.confirmed, trial.dismissed))
    return trial.rule, trial.state.replace("_", " "), touched or "nobody", *counts


def _require_policy(data: Path, settings_file: Path | None) -> Policy:
    if data.is_dir():
        found = policy_of(DataFolder(data), Config.load(file=settings_file))
        if found is not None:
            return found
    raise ConfigError(
        "there is no policy, so nothing is decided",
        where=str(data),
        next_step="write policy.toml into the data folder; docs/howto/decide.md has one to begin with",
    )


def _describe_policy_sections(policy: Policy) -> list[tuple[str, str]]:
    """What the other sections of a policy say."""
    signature, appeals = policy.signature, policy.appeals
    requests = formatting.plural(policy.throttle.requests_per_minute, "request")
    linked = f"linked accounts {signature.linked} for {signature.days:g} days, reason {signature.reason}"
    overdue = f"an overdue one against a rule is {'granted' if appeals.overdue == 'lift' else 'kept open'}"
    through = f"let through for {appeals.let_through_days:g} days"
    return [
        ("signature", f"first request {signature.first_request}; {linked}"),
        ("throttle", f"{requests} a minute are let through"),
        ("limit", f"refused models: {', '.join(policy.limit.models) or 'none'}"),
        ("changed log", "what was verified is enforced" if policy.changed_log == "keep" else "nothing is enforced"),
        ("appeals", f"decided within {appeals.days:g} days, {overdue}; where one is granted, {through}"),
    ]


def _describe_rule_conditions(rule: Rule) -> str:
    verdicts, kinds, roles = (", ".join(names) for names in (rule.verdict, rule.kind, rule.role))
    return f"verdict {verdicts}; {kinds}; role {roles}; from {formatting.percent(rule.probability)}"
