"""What settings may say of signals, and what is refused with one line and the next step."""

from __future__ import annotations

from typing import Any

import pytest

from stillhunt import Config, ConfigError
from stillhunt_signals.kinds import OUTSIDE_KINDS
from stillhunt_signals.signals.declared import declared_signals, ready_signals, signal_of
from stillhunt_signals.signals.weighing import SUMMED_BITS

WHOLE = {"from": "marks.csv", "column": "mark", "kind": "flag", "about": "harvest"}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({**WHOLE, "kind": "number"}, "score"),
        ({**WHOLE, "weight": 3}, "no such entry"),
        ({name: value for name, value in WHOLE.items() if name != "column"}, "required"),
        ({**WHOLE, "ready": "stripe"}, "no ready signal"),
        ({**WHOLE, "from": "accounts"}, "has no column 'mark'"),
        ({**WHOLE, "from": "postgresql://db/x"}, "a database needs table"),
        ({**WHOLE, "via": "accounts.csv"}, "via_key"),
        ("marks.csv", "no table"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_next_step(entries: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=r"setting signals\.mark") as caught:
        signal_of("mark", entries)
    assert said in caught.value.what
    assert caught.value.next_step


def test_a_database_address_is_in_no_message_and_no_settings_shown() -> None:
    config = Config(signals={"mark": {**WHOLE, "from": "postgresql://me:secret@db/x", "table": "t"}})
    (one,) = declared_signals(config)
    assert "secret" not in repr(one) + repr(config)


def test_every_ready_signal_is_a_signal_and_says_where_it_is_documented() -> None:
    assert len(ready_signals()) == 14
    for name, entries in ready_signals().items():
        via = {"via": "customers.csv"} if "via_key" in entries else {}
        for source in ("bodies.jsonl", "export.csv"):
            assert signal_of(name, {"ready": name, "from": source, **via}).label
        assert len(entries["documented"]) > 20


def test_own_entries_win_over_ready_ones() -> None:
    one = signal_of("radar", {"ready": "stripe-radar-score", "from": "b.jsonl", "account": "data.object.customer"})
    assert (one.account, one.kind) == ("data.object.customer", "score")


def test_the_kinds_have_the_bounds_of_what_signals_say_together() -> None:
    for kind, about, leaves in OUTSIDE_KINDS:
        assert (kind.least_bits, kind.most_bits) == SUMMED_BITS[about]
        assert kind.name.endswith("_told") == leaves
