"""Who runs a command, where the system does not know it."""

from __future__ import annotations

import getpass

import pytest

from stillhunt.cli import terminal


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 7"), OSError("no entry")])
def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", fail)
    assert terminal.login_name().startswith("user ")
