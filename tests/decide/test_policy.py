"""The policy file: what it accepts, and where it says an error is."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.errors import ConfigError
from stillhunt.decide.policy import Policy, parse_policy, read_policy
from thoroughness import examples

GOOD = b"""\
mode = "enforce"
ceiling = "limit"
accounts_per_day = 50
delay_minutes = [10, 120]

[exempt]
accounts = ["acct-1"]

[[rule]]
name = "harvesters"
action = "limit"

[[rule]]
name = "reviews"
verdict = ["review"]
probability = 0.9
action = "tag"
"""


def test_a_good_policy(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_bytes(GOOD)
    policy = read_policy(tmp_path / "policy.toml")
    assert [rule.name for rule in policy.rule] == ["harvesters", "reviews"]
    assert policy.exempt.accounts == ("acct-1",)
    assert parse_policy(b"") == Policy()


@pytest.mark.parametrize(
    ("old", "new", "place", "what"),
    [
        (b'mode = "enforce"', b'mode = "maybe"', "1:1", "mode: "),
        (b"accounts_per_day = 50", b"accounts_a_day = 50", "3:1", "accounts_a_day: no such setting"),
        (b"[10, 120]", b"[10, -1]", "4:1", "delay_minutes.2: "),
        (b"[10, 120]", b"[120, 10]", "1:1", "the first bound is above the second"),
        (b'accounts = ["acct-1"]', b"  accounts = 5", "7:3", "exempt.accounts: "),
        (b'"limit"\n\n[[rule', b'"melt"\n\n[[rule', "11:1", "rule.1.action: "),
        (b"probability = 0.9", b"probability = 2", "16:1", "rule.2.probability: "),
        (b'action = "tag"', b"", "13:1", "rule.2.action: "),
        (b'name = "reviews"', b'name = "harvesters"', "1:1", "two rules have one name"),
        (b'ceiling = "limit"', b'ceiling = "tag"', "1:1", "rule harvesters: limit is above the ceiling, tag"),
        (b'ceiling = "limit"', b'ceiling = "block"', "1:1", "only persons block"),
        (
            b'action = "tag"',
            b'action = "tag"\nkind = ["relay", "farm"]',
            "18:1",
            "rule.2.kind.2: no such kind; choose one of: harvest, ",
        ),
        (b"= 50", b"= " + b"9" * 5000, "3:20", "a number in it has too many digits"),
        (b"[exempt]", b"[exempt", "6:8", "it is no TOML"),
        (b'"acct-1"', b'"\xff"', "7", "it is not UTF-8"),
    ],
)
def test_errors_have_their_place(old: bytes, new: bytes, place: str, what: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ConfigError) as error:
        parse_policy(GOOD.replace(old, new), "p.toml")
    assert what in error.value.what
    assert error.value.where == f"p.toml:{place}"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_policy(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="directory"):
        read_policy(tmp_path)
    (tmp_path / "large").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_policy(tmp_path / "large")


@settings(max_examples=examples(100, 300), derandomize=True, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(GOOD)), st.integers(0, 40))
def test_whatever_is_in_it_only_our_error_comes(garbage: bytes, at: int, cut: int) -> None:
    for content in (garbage, GOOD[:at] + garbage + GOOD[at + cut :], b"a = " + b"[" * 3000):
        with suppress(ConfigError):
            parse_policy(content)
