"""The console's page of rules: what is saved, what each would have done, and free tiers of one person."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast, get_args
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from stillhunt import CaseError, Config
from stillhunt.live import (
    DataFolder,
    Policy,
    RuleState,
    Simulation,
    latest_snapshot,
    policy_of,
    read_rule_rows,
)
from stillhunt_server.plugins import HEAVY_WORK, Console, ConsolePage, MenuEntry, PageRequest, PageRoute, render
from stillhunt_signals.rules.known_beside import columns_with_signals
from stillhunt_signals.rules.saved import ChangeAuthor, RuleLedger

_SHOWN_PERSONS = 20
FIRST_RULE = """name = "shared-card"
about = "Free accounts that share a card and are busy."
when = "account.plan == 'free' && account.card_accounts > 2 && hour.requests >= 100"
action = "tag"
days = 7
reason = "several_free_tiers"
state = "simulated"

[[example]]
fits = true
account.plan = "free"
account.card_accounts = 3
hour.requests = 400

[[example]]
fits = false
account.plan = "pro"
account.card_accounts = 3
hour.requests = 400
"""
"""The rule that the page offers where none is shown."""


def show_rules_page(request: PageRequest) -> Response:
    """All rules, and one of them as a text that can be changed."""
    folder = _folder_of(request)
    rules = RuleLedger(folder).rules()
    shown = rules.get(request.given["show"])
    request.look("rules", "all")
    values = {
        "rules": list(rules.values()),
        "shown": shown,
        "content": shown.content if shown is not None else FIRST_RULE,
        "states": get_args(RuleState),
        "columns": list(columns_with_signals(request.console.config).values()),
        # in another process: these read as hunts do, by libraries of 110 MB, which the console's other pages do without
        "trial": HEAVY_WORK.call(try_rules, folder.path, request.console.config, request.now)
        if request.given["try"]
        else None,
        "persons": _persons_of(folder, request.console.config, request.now),
    }
    return render(request, "rules.html", values)


def switch_rule(request: PageRequest) -> Response:
    """Turn a rule on or off, or simulate it."""
    state = cast("RuleState", request.form.choice("state", get_args(RuleState)))
    author = ChangeAuthor(request.by, request.form["reason"], request.now)
    request.look("rule changed", f"{request.form['name']}: {state}")
    RuleLedger(_folder_of(request)).set_rule_state(request.form["name"], state, author)
    return RedirectResponse("/rules", 303)


def save_rule_text(request: PageRequest) -> Response:
    """Check and save a rule."""
    author = ChangeAuthor(request.by, request.form["reason"], request.now)
    content = request.form["content"].replace("\r\n", "\n").encode("utf-8", "replace")
    request.look("rule changed", "a text")
    ledger = RuleLedger(_folder_of(request), columns_with_signals(request.console.config))
    saved = ledger.save_rule(content, "the rule", author)
    return RedirectResponse(f"/rules?show={quote(saved.name)}", 303)


def _folder_of(request: PageRequest) -> DataFolder:
    if request.console.folder is None:
        raise CaseError("a case folder can only be read", where="this page", next_step="rules need a data folder")
    return request.console.folder


def try_rules(path: Path, config: Config, now: int) -> Simulation:
    """What the policy and each rule alone would have done at the snapshots that are kept, without the entries.

    Args:
        path: of the data folder.
        now: microseconds since 1970.
    """
    from stillhunt.live import open_database, simulate  # late, as where it is called

    folder = DataFolder(path, make=False)
    with closing(open_database(path, config.watch.database)) as database:
        tried = simulate(policy_of(folder, config) or Policy(), folder, database, config, now)
    return replace(tried, log=[])


def _persons_of(folder: DataFolder, config: Config, now: int) -> list[dict[str, Any]]:
    """The persons of the latest snapshot, sought once by the same policy; sign-ups told since count after a hunt."""
    snapshot, policy = latest_snapshot(folder), policy_of(folder, config) or Policy()
    asked = folder.path, snapshot and snapshot.sequence, policy.sign_up
    known = _FOUND_PERSONS.get("last")
    if known is None or known[0] != asked:
        known = asked, HEAVY_WORK.call(find_persons, folder.path, config, now)
        _FOUND_PERSONS["last"] = known
    return known[1]


_FOUND_PERSONS: dict[str, tuple[Any, list[dict[str, Any]]]] = {}
"""What was asked last, and its answer."""


def prepare_rules_page(console: Console) -> None:
    """Seek the persons of a new snapshot before somebody opens the page again; unless used, it costs nothing."""
    if console.folder is not None and _FOUND_PERSONS:
        _persons_of(console.folder, console.config, time.time_ns() // 1000)


def find_persons(path: Path, config: Config, now: int) -> list[dict[str, Any]]:
    """Persons with several free tiers, as the page shows them.

    Args:
        path: of the data folder.
        now: microseconds since 1970.
    """
    folder = DataFolder(path, make=False)
    if (snapshot := latest_snapshot(folder)) is None:
        return []
    # late, as where it is called
    from stillhunt_signals.sign_up.free_tiers import find_free_tiers  # as above
    from stillhunt_signals.sign_up.identifiers import SignUpHasher  # as above
    from stillhunt_signals.sign_up.registered import RegisteredSignUps  # as above

    terms = (policy_of(folder, config) or Policy()).sign_up
    known, hasher = RegisteredSignUps(folder, now, keeps=False), SignUpHasher(folder, config)
    found = find_free_tiers(read_rule_rows(snapshot), known, hasher, terms.trial_plans, terms.least_free_tiers)
    return [{**asdict(one), "statement": one.statement} for one in found[:_SHOWN_PERSONS]]


RULE_PAGES = ConsolePage(
    "rules",
    (
        PageRoute("/rules", show_rules_page),
        PageRoute("/rules", switch_rule, "POST"),
        PageRoute("/rules/save", save_rule_text, "POST"),
    ),
    MenuEntry("/rules", "Rules", live=True),
    live=True,
    audits=True,
    prepare=prepare_rules_page,
)
