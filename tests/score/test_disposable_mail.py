"""Domains at which anybody gets an address for an hour, where the list of them is installed."""

from __future__ import annotations

import pytest

from stillhunt.score.context import customers as mail


def test_a_domain_is_disposable_by_itself_or_by_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_listed_domains", lambda: frozenset({"throwaway.example"}))
    domains = ["throwaway.example", "mx.throwaway.example", "notthrowaway.example", "firm.example", None, ""]
    assert mail.disposable(domains).tolist() == [1, 1, 0, 0, 0, 0]


def test_without_a_list_nothing_is_disposable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_listed_domains", frozenset)
    assert mail.disposable(["throwaway.example", None, ""]).tolist() == [0, 0, 0]
    assert mail.list_version() == ""


def test_the_package_knows_the_best_known_ones() -> None:
    pytest.importorskip("disposable_email_domains", reason="stillhunt[enrich] is not installed")
    listed = mail._listed_domains()
    assert "mailinator.com" in listed
    assert "gmail.com" not in listed
    assert mail.list_version()
