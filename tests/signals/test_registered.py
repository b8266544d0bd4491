"""Sign-ups in memory: one value that everybody sends slows nothing down, and what is forgotten is forgotten whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillhunt.live import DataFolder, SignUpTerms
from stillhunt_signals.sign_up.registered import MOST_WITH_VALUE, RegisteredSignUps, SignUp

NOW = 1_790_000_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


def test_of_one_value_only_the_newest_are_looked_through(folder: DataFolder) -> None:
    registered = RegisteredSignUps(folder, NOW)
    for place in range(3 * MOST_WITH_VALUE):
        registered.register(SignUp(NOW + place, place + 1, True, {"card": 7}))
    newest = [NOW + place for place in range(2 * MOST_WITH_VALUE, 3 * MOST_WITH_VALUE)]
    assert [one.at for one in registered.with_value("card", 7)] == newest
    assert len(registered) == 3 * MOST_WITH_VALUE
    assert len(RegisteredSignUps(folder, NOW).with_value("card", 7)) == MOST_WITH_VALUE


def test_who_is_forgotten_is_found_by_no_value(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillhunt_signals.sign_up.registered.KEPT_SIGN_UPS", 2)
    registered = RegisteredSignUps(folder, NOW)
    for place, card in enumerate((7, 7, 8, 8)):
        registered.register(SignUp(NOW + place, place + 1, True, {"card": card}))
        if place == 2:
            assert [one.account for one in registered.with_value("card", 7)] == [2]
    assert registered.with_value("card", 7) == []
    assert [one.account for one in registered.with_value("card", 8)] == [3, 4]


def test_a_policy_counts_no_further_than_is_looked_through() -> None:
    assert SignUpTerms(least_free_tiers=MOST_WITH_VALUE).least_free_tiers == MOST_WITH_VALUE
    with pytest.raises(ValueError, match="least_free_tiers"):
        SignUpTerms(least_free_tiers=MOST_WITH_VALUE + 1)
