"""Conditions: conformance with CEL, what is refused with which words, and that none runs for long."""

from __future__ import annotations

import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stillhunt import ConfigError
from stillhunt_signals.rules.language import compile_condition, measure_condition, rule_columns
from stillhunt_signals.rules.rule_file import check_new_rule, parse_rule

CASES = tomllib.loads((Path(__file__).parent / "cel_cases.toml").read_text(encoding="utf-8"))
RULE = """
name = "drainers"
when = "account.plan == 'free' && hour.requests >= 100"
action = "tag"
[[example]]
fits = true
account.plan = "free"
hour.requests = 100
[[example]]
fits = false
account.plan = "free"
"""


def cases(kind: str) -> list[Any]:
    return [pytest.param(text, id=name) for name, text in CASES[kind].items()]


@pytest.mark.parametrize("text", cases("holds"))
def test_what_conformance_says_is_true(text: str) -> None:
    assert compile_condition(text).holds({})
    assert not compile_condition(f"!({text})").holds({})


@pytest.mark.parametrize("text", cases("does_not_hold"))
def test_what_conformance_says_is_false(text: str) -> None:
    assert not compile_condition(text).holds({})
    assert compile_condition(f"!({text})").holds({})


@pytest.mark.parametrize("text", cases("fails"))
def test_what_fails_is_neither_true_nor_false(text: str) -> None:
    assert not compile_condition(text).holds({})
    assert not compile_condition(f"!({text})").holds({})


@pytest.mark.parametrize("text", cases("refused"))
def test_types_that_do_not_fit_are_refused_before_anything_runs(text: str) -> None:
    with pytest.raises(ConfigError, match="the rule cannot be used"):
        compile_condition(text)


REFUSED = {
    "account.plan > 5": ("no matching overload for '_>_' applied to '(string, int)'", "when:1:14"),
    "account.age == 1": ("undeclared reference to 'account.age'", "when:1:8"),
    "hour.requests": ("it is of the type INT, and must be true or false", "when"),
    "account.plan ==": ("Syntax error", "when:1:16"),
    "true // " + "x" * 2000: ("it has more than 2,000 characters", "when"),
    "(" * 40 + "true" + ")" * 40: ("recursion limit", "when"),
    "account.requests" + "+1" * 40 + " > 0": ("max recursion depth of 32", "when"),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_a_refusal_says_what_and_where(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compile_condition(text)
    what, where = REFUSED[text]
    assert what in refused.value.what
    assert refused.value.where == where
    assert "rules columns" in refused.value.next_step


COSTLY = {
    "account.clients.all(a, account.networks.all(b, account.plan.matches('(x+x+)+y') || true))": r"[\d,]+ microseconds",
    f"{[0] * 150}.all(a, {[0] * 150}.all(b, a == b))": "too many steps",
}


@pytest.mark.parametrize("text", COSTLY, ids=lambda text: text[:20])
def test_a_condition_that_costs_too_much_is_refused_at_once(text: str) -> None:
    began = time.thread_time()
    said = f"it takes {COSTLY[text]} for one account; at most 100 microseconds are allowed"
    with pytest.raises(ConfigError, match=said):
        measure_condition(compile_condition(text), ())
    assert time.thread_time() - began < 5


def test_an_example_leads_the_measurement_past_what_stands_before_the_costly_part() -> None:
    costly = "account.plan == 'free' && account.clients.all(a, account.networks.all(b, b.matches('(x+x+)+y') || true))"
    rule = RULE.replace("account.plan == 'free' && hour.requests >= 100", costly)
    rule = rule.replace("hour.requests = 100", 'account.clients = ["x"]\naccount.networks = []')
    assert measure_condition(compile_condition(costly), ()) < 100
    with pytest.raises(ConfigError, match="for one account; at most 100 microseconds are allowed"):
        check_new_rule(
            rule.replace("hour.requests = 100", 'account.clients = ["x"]\naccount.networks = []').encode(), "r"
        )


def doubling(loops: int) -> str:
    return "[account.id]" + ".map(a, a + a + a + a + a + a + a + a + a + a)" * loops + "[0] == ''"


LOOPS = {
    "behind each other": doubling(3),
    "within each other": "account.clients.all(a, account.clients.all(b, account.clients.all(c, a + b == c)))",
    "in a map": "{'a': [[1].exists(x, [2].exists(y, [3].exists(z, true)))]}.size() > 0",
    "eight": doubling(8),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_that_could_fill_the_memory_are_refused_before_anything_runs(name: str) -> None:
    with pytest.raises(ConfigError, match="more than 2 of all, exists, map and filter stand within or behind each"):
        compile_condition(LOOPS[name])


def test_two_loops_and_any_number_beside_each_other_are_taken() -> None:
    beside = " || ".join(["account.clients.exists(a, account.networks.exists(b, a == b))"] * 5)
    assert compile_condition(beside).holds({"account.clients": ["a"], "account.networks": ["b", "a"]})
    assert not compile_condition(doubling(2)).holds({"account.id": "a"})


NAMES = {
    "a comment within": ("account. // of the table\nplan == 'free'", "account.plan"),
    "a comment beside": ("account.plan == 'free' // not hour.requests", "account.plan"),
    "a text": ("account.plan == 'hour.requests'", "account.plan"),
    "a point before": (".account.plan == 'free'", "account.plan"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_columns_of_a_condition_are_those_that_it_reads(name: str) -> None:
    text, column = NAMES[name]
    condition = compile_condition(text)
    assert (condition.names, condition.over) == ({column}, "account")


def test_an_evaluation_that_is_cut_off_fits_nothing() -> None:
    assert not compile_condition(f"{[0] * 150}.all(a, {[0] * 150}.all(b, a == b))").holds({})


@pytest.mark.parametrize("name", rule_columns())
def test_each_column_can_be_compared_and_is_unknown_where_it_is_not_given(name: str) -> None:
    literals = {
        "text": ("'a'", "a"), "number": ("7", 7), "share": ("0.5", 0.5), "flag": ("true", True),
        "moment": ("timestamp('2026-05-01T00:00:00Z')", datetime(2026, 5, 1, tzinfo=UTC)), "texts": ("['a']", ["a"]),
    }  # fmt: skip
    literal, value = literals[rule_columns()[name].kind]
    condition = compile_condition(f"{name} == {literal}")
    assert condition.names == {name}
    assert condition.over == name.partition(".")[0]
    assert condition.holds({name: value})
    assert not condition.holds({})
    assert not compile_condition(f"{name} != {literal}").holds({})


def test_an_unknown_value_decides_nothing_that_the_rest_decides() -> None:
    either = compile_condition("account.plan == 'free' || account.flagged")
    assert either.holds({"account.flagged": True})
    assert not either.holds({"account.flagged": False})


def test_a_rule_is_tried_by_its_examples() -> None:
    rule, condition = parse_rule(RULE.encode(), "a.toml")
    assert (rule.name, condition.over, rule.state) == ("drainers", "hour", "in_force")


BAD = {
    "says otherwise": ("hour.requests = 100", "hour.requests = 99", "it does not fit this example", "example 1"),
    "wrong type": ("hour.requests = 100", "hour.requests = '100'", "hour.requests is a number", "example 1"),
    "no column": ("hour.requests = 100", "hour.request = 100", "there is no column hour.request", "example 1"),
    "a flag for a number": ("hour.requests = 100", "hour.requests = true", "hour.requests is a number", "example 1"),
    "people block": ('"tag"', '"block"', "rules go to limit at most; only persons block", "a.toml:1:1"),
    "no counterexample": ("fits = false", "fits = true", "at least one that fits and one that does not", "a.toml"),
    "unknown setting": ("fits = true", "fits = true\nlevel = 1", "no such setting", "a.toml:"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_rule_is_refused_with_its_place(name: str) -> None:
    before, now, what, where = BAD[name]
    with pytest.raises(ConfigError) as refused:
        parse_rule(RULE.replace(before, now, 1).encode(), "a.toml")
    assert what in refused.value.what
    assert where in refused.value.where


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(ConfigError, match="larger than 64 KiB"):
        parse_rule(RULE.encode() + b"#" * (64 << 10), "a.toml")
