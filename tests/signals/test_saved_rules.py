"""The ledger of rules and labels: who changed what and why, and that a change of the file is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stillhunt import ConfigError
from stillhunt.live import DataFolder
from stillhunt_signals.rules.fitting import SavedRules
from stillhunt_signals.rules.saved import ChangeAuthor, RuleLedger, card_name

NOW = 1_790_000_000_000_000
DAY = 86_400_000_000
HOSTILE = "\x1b]0;gotcha\x07[bold]"
RULE = b"""
name = "drainers"
when = "account.plan == 'free'"
action = "tag"
state = "simulated"
[[example]]
fits = true
account.plan = "free"
[[example]]
fits = false
account.plan = "paid"
"""


def by(name: str = "Ada", reason: str = "too many trials", at: int = NOW) -> ChangeAuthor:
    return ChangeAuthor(name, reason, at)


@pytest.fixture
def ledger(tmp_path: Path) -> RuleLedger:
    return RuleLedger(DataFolder(tmp_path / "data"))


def test_a_change_is_kept_with_its_author_and_reason(ledger: RuleLedger, tmp_path: Path) -> None:
    assert not ledger.rules()
    ledger.save_rule(RULE, "a.toml", by())
    changed = ledger.set_rule_state("drainers", "in_force", by("Bo", "nobody appealed", NOW + DAY))
    assert (changed.state, changed.file.state, changed.file.when) == ("in_force", "in_force", "account.plan == 'free'")
    again = RuleLedger(DataFolder(tmp_path / "data"))
    assert again.rules() == {"drainers": changed}
    assert [(one["by"], one["reason"], one["state"]) for one in again.entries()] == [
        ("Ada", "too many trials", "simulated"),
        ("Bo", "nobody appealed", "in_force"),
    ]


def test_the_cost_of_a_rule_is_measured_when_it_is_saved_and_kept_with_it(
    ledger: RuleLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = ledger.save_rule(RULE, "a.toml", by())
    assert saved.microseconds is not None
    assert 0 < saved.microseconds < 100
    monkeypatch.setattr("stillhunt_signals.rules.language.MOST_MICROSECONDS", 0.0)  # as on a machine that is too slow
    with pytest.raises(ConfigError, match="microseconds"):
        ledger.save_rule(RULE, "a.toml", by())
    assert SavedRules(DataFolder(tmp_path / "data")).rules == (saved.file,)
    assert ledger.set_rule_state("drainers", "off", by()).microseconds == saved.microseconds


@pytest.mark.parametrize(
    "author", [by(reason=" \t"), by(name=""), by(name="rule:own.drainers")], ids=["no reason", "nobody", "a rule"]
)
def test_nothing_changes_without_a_person_and_a_reason(ledger: RuleLedger, author: ChangeAuthor) -> None:
    with pytest.raises(ConfigError):
        ledger.save_rule(RULE, "a.toml", author)
    with pytest.raises(ConfigError):
        ledger.put_label("account", "acme", "vip", 3, author)
    assert not ledger.entries()


def test_a_rule_that_cannot_be_used_is_not_saved(ledger: RuleLedger) -> None:
    with pytest.raises(ConfigError):
        ledger.save_rule(RULE.replace(b"'free'", b"5"), "a.toml", by())
    with pytest.raises(ConfigError, match="no such rule"):
        ledger.set_rule_state("drainers", "off", by())
    assert not ledger.entries()


def test_a_changed_line_is_found(ledger: RuleLedger, tmp_path: Path) -> None:
    ledger.save_rule(RULE, "a.toml", by())
    path = tmp_path / "data" / "rules.jsonl"
    path.write_text(path.read_text().replace("simulated", "in_force"))
    with pytest.raises(ConfigError, match="was changed or damaged"):
        ledger.rules()
    path.unlink()
    with pytest.raises(ConfigError, match="was changed or damaged"):
        ledger.rules()


def test_a_label_stands_for_its_time_and_the_past_stays_as_it_was(ledger: RuleLedger) -> None:
    ledger.put_label("network", "AS64500 Example", "reseller", 2, by())
    ledger.put_label("network", "AS64500 Example", "reseller", 0, by(at=NOW + DAY))
    about = ("network", "AS64500 Example")
    for at, stands in ((NOW - 1, False), (NOW, True), (NOW + DAY - 1, True), (NOW + DAY, False)):
        assert (about in ledger.labels(at)) is stands, at
    ledger.put_label("client", "python-requests", "odd", 1, by(at=NOW + 5 * DAY))
    assert ("client", "python-requests") not in ledger.labels(NOW + 6 * DAY)


def test_the_ledger_names_no_account_and_no_card(ledger: RuleLedger, tmp_path: Path) -> None:
    ledger.put_label("account", "acme@example.org", "vip", 3, by(reason=HOSTILE))
    ledger.put_label("card", card_name(7), "shared", 3, by())
    text = (tmp_path / "data" / "rules.jsonl").read_text()
    assert "acme" not in text
    assert card_name(7) not in text
    assert "\x1b" not in json.loads(text.splitlines()[0])["reason"]
    assert ("account", ledger.hidden_name("acme@example.org")) in ledger.labels(NOW)
    assert ledger.hidden_name("acme@example.org") == RuleLedger(DataFolder(tmp_path / "data")).hidden_name(
        "acme@example.org"
    )


@pytest.mark.parametrize(("label", "days"), [("", 1), ("x" * 41, 1), ("vip", -1), ("vip", 3651)])
def test_a_label_has_a_text_and_an_end(ledger: RuleLedger, label: str, days: float) -> None:
    with pytest.raises(ConfigError):
        ledger.put_label("account", "acme", label, days, by())
