"""Caps and prior fitted on some kinds of worlds and tested on the one left out, on rows whose answer is known."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/benchmarks/quality")

import candidates
import left_out
from candidates import WorldKind, candidate_schema, gather
from left_out import CLEAR, GRID, Calibration, bits_under, fitted, page_lines

from stillhunt.base.config import Config
from stillhunt.base.schema import FAMILIES

SETTINGS = Config().score
CAPS = SETTINGS.family_cap_bits
ACT_BITS = float(np.log2(SETTINGS.act_probability / (1.0 - SETTINGS.act_probability)))
IN_FORCE = Calibration(CAPS.content, CAPS.queue, SETTINGS.prior_bits)


def candidate(generator: str = "first", *, true: bool = False, opened: bool = False, **kinds: float) -> dict[str, Any]:
    """A row with one kind of evidence a family, of so many bits as measured."""
    row = dict.fromkeys(candidate_schema().names, 0.0)
    row |= dict.fromkeys(("rung", "seed", "accounts", "days", "requests"), 1)
    row |= {
        "world": f"w-{generator}",
        "generator": generator,
        "verdict": "none",
        "operation_kind": "",
        "size": 23,
        "persona": "class",
    }
    listed = [(family, f"{family}_kind", bits, False) for family, bits in kinds.items()]
    return row | {"true": true, "open": opened, "kinds": json.dumps(listed)}


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), candidate_schema())


CLASS = candidate(identity=20.0, network=20.0, queue=1.0)
CAMPAIGN = candidate(true=True, content=8.0, queue=9.0)


def test_bits_are_those_of_the_caps_given_and_of_the_settings_for_the_rest() -> None:
    """By hand: public items explain a queue, half of the wording, and most of what ties accounts."""
    rows = table(candidate(queue=99.0, content=6.0), candidate(queue=99.0, content=99.0, identity=99.0, network=99.0))
    prior = dict(zip(("public", "one_place", "company", "reseller"), (6.0, 3.0, -1.5, 1.5), strict=True))
    odds = [
        {"chance": SETTINGS.prior_bits + 15.0, "public": 3.0, "one_place": 7.5, "company": 15.0, "reseller": 15.0},
        {"chance": SETTINGS.prior_bits + 25.0, "public": 5.0, "one_place": 7.5, "company": 15.0, "reseller": 15.0},
    ]
    expected = [
        -np.log2(sum(2.0 ** -(against + prior.get(key, 0.0)) for key, against in one.items())) - SETTINGS.prior_bits
        for one in odds
    ]
    assert bits_under(rows, content=6.0, queue=9.0) == pytest.approx(expected)


def test_evidence_that_an_untemplated_group_was_not_formed_by_has_no_part_in_the_caps() -> None:
    text = json.dumps([("network", "client_fingerprint", 20.0, True), ("network", "client_ip", 19.0, False)])
    assert [found.independent for found in candidates.findings(text)] == [True, False]
    chance = candidates.weighed(text)[0]
    assert [found.bits for found in chance.findings] == [20.0, CAPS.network]


def test_a_cap_that_helps_is_chosen_with_the_prior_that_goes_with_it() -> None:
    """Honest groups owe their bits to their wording, campaigns do not: the lowest cap tells them apart."""
    rows = table(candidate(content=30.0), candidate(true=True, queue=16.0, content=6.0))
    fit = fitted(rows, ACT_BITS)
    assert (fit.content, fit.queue) == (min(GRID["content"]), max(GRID["queue"]))
    highest = float(bits_under(rows, fit.content, fit.queue)[0])
    assert fit.prior == pytest.approx(ACT_BITS - CLEAR - highest, abs=0.051)


def test_a_cap_that_costs_campaigns_only_is_not_chosen() -> None:
    """Here campaigns share their wording, and honest groups do not."""
    fit = fitted(table(candidate(queue=6.0), candidate(true=True, content=20.0, queue=2.0)), ACT_BITS)
    assert fit.content == max(GRID["content"])


def test_groups_that_openly_are_one_customer_take_no_part() -> None:
    """They are never flagged, whatever bits they have."""
    opened = candidate(opened=True, queue=13.0, content=8.0)
    assert fitted(table(CLASS, CAMPAIGN, opened), ACT_BITS) == fitted(table(CLASS, CAMPAIGN), ACT_BITS)
    text, false = left_out.tested(table(CLASS, CAMPAIGN, opened), IN_FORCE, ACT_BITS)
    assert (false, text.split(" | ")[:2]) == (0, ["1", "1"])


def test_honest_groups_at_act_are_counted_and_the_strongest_is_named() -> None:
    harmless, alarming = candidate(queue=2.0), candidate(queue=13.0, content=8.0)
    text, false = left_out.tested(table(harmless, alarming, CAMPAIGN), IN_FORCE, ACT_BITS)
    bits = bits_under(table(alarming), CAPS.content, CAPS.queue)[0] + IN_FORCE.prior
    assert false == 1
    assert text.split(" | ")[:6] == ["2", "1", f"{bits:+.1f} (23 class)", "1", "1.00", "0.00"]
    assert left_out.tested(table(harmless, CAMPAIGN), IN_FORCE, ACT_BITS)[1] == 0


def worlds(*of_second: dict[str, Any]) -> pa.Table:
    return table(CLASS, CAMPAIGN, candidate("second", true=True, content=8.0, queue=9.0), *of_second)


def test_each_generator_is_left_out_in_turn() -> None:
    lines, false = page_lines(worlds(candidate("second", queue=2.0)))
    assert false == 0
    rows = [line.split(" | ")[0] for line in lines[2:]]
    assert rows[:4] == [
        "| first",
        "| second",
        "| none: settings in force, first",
        "| none: settings in force, second",
    ]
    of_second = table(candidate("second", queue=2.0), candidate("second", true=True, content=8.0, queue=9.0))
    assert lines[2].split(" | ")[2] == f"{fitted(of_second, ACT_BITS).prior:+.1f}", "the first was fitted on the second"
    assert "| queue | queue_kind | " in "\n".join(lines)


def test_a_generator_left_out_whose_honest_groups_reach_act_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its table, and by the exit code."""
    alarming = worlds(candidate("second", queue=13.0, content=8.0))
    assert page_lines(alarming)[1] == 1
    for rows, code in ((worlds(candidate("second", queue=2.0)), 0), (alarming, 1)):
        monkeypatch.setattr(left_out, "gather", lambda *_, rows=rows: (rows, None))
        assert left_out.main(["--rows", "nowhere"]) == code
        assert capsys.readouterr().out.count("settings in force") == 2


def test_what_a_kind_claims_of_honest_groups_is_averaged_over_all_of_them() -> None:
    """Those of which it says nothing have a ratio of 1."""
    rows = table(candidate(queue=3.0), candidate(content=1.0), candidate(true=True, queue=5.0), CAMPAIGN)
    lines = left_out.kind_lines(rows)
    assert lines[2:] == [
        "| content | content_kind | 1.50 | +4.0 |",
        "| queue | queue_kind | 4.50 | +7.0 |",
    ]


def test_worlds_of_no_two_rungs_share_a_seed() -> None:
    """Honest rows depend on the seed alone, and would count many times."""
    kinds = left_out.world_kinds(honest=3, seeds=2, texts=None)
    assert {kind.generator for kind in kinds} == {"first", "second"}
    assert len({kind.name for kind in kinds}) == len(kinds)
    for generator in ("first", "second"):
        own = [kind for kind in kinds if kind.generator == generator]
        assert len({kind.seed for kind in own}) == len(own) == 3 + 2 * len(left_out.RUNGS[generator])
    real = left_out.world_kinds(honest=3, seeds=2, texts=Path("texts.parquet"))
    assert {kind.texts for kind in real if kind.generator == "texts"} == {Path("texts.parquet")}
    assert {kind.texts for kind in real if kind.generator != "texts"} == {None}


# The rows that all of this is made from.


def test_the_findings_of_a_world_give_its_bits_again_under_the_caps_in_force(tmp_path: Path) -> None:
    """Hunted once; the second time the rows are read from the folder."""
    kind = WorldKind(1, 9, accounts=100)
    rows, accounts = gather(tmp_path, [kind], threads=1)
    assert rows.num_rows >= 1
    assert any(rows["true"].to_pylist())
    found = bits_under(rows, IN_FORCE.content, IN_FORCE.queue)
    assert found == pytest.approx(rows["bits"].to_numpy(), abs=1e-9)
    against_chance = [
        candidates.weighed(text)[0].summed_odds - SETTINGS.prior_bits for text in rows["kinds"].to_pylist()
    ]
    assert against_chance == pytest.approx(sum(rows[family].to_numpy() for family in FAMILIES), abs=1e-9)
    assert sum(accounts["harvests"].to_pylist()) == sum(candidates.CAMPAIGN_SIZES) == accounts.num_rows - 100
    assert all(accounts["persona"].to_pylist())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert gather(tmp_path, [kind], threads=1) == (rows, accounts)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
