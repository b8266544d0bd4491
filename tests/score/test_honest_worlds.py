"""The report of honest worlds: who is flagged, by generator and by persona."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/benchmarks/quality")

import honest_worlds
from candidates import THIRD, WorldKind, candidate_rows, candidate_schema
from honest_worlds import SEEDS, report, world_kinds
from third_worlds import honest_spec, hunt_third_world

from stillhunt.base.config import Config
from stillhunt.base.errors import InputError
from stillhunt.base.schema import FAMILIES
from stillhunt_lab.bench.measures import upper_bound

KINDS = [WorldKind(0, 1, generator="first"), WorldKind(0, 2, generator="first"), WorldKind(0, 3, generator="second")]


def candidates_of(*rows: tuple[WorldKind, float, bool, str]) -> pa.Table:
    """Candidates of (world, bits, whether it openly is one customer, verdict)."""
    empty = dict.fromkeys(candidate_schema().names, 0.0) | dict.fromkeys(
        ("rung", "seed", "accounts", "days", "requests", "size"), 1
    )
    return pa.Table.from_pylist(
        [
            empty
            | {"world": kind.name, "generator": kind.generator, "persona": "class", "kinds": "[]", "true": False}
            | {
                "bits": bits,
                "open": opened,
                "verdict": verdict,
                "operation_kind": "relay" if bits == 8.0 else "harvest",
            }
            for kind, bits, opened, verdict in rows
        ],
        candidate_schema(),
    )


def accounts_of(*rows: tuple[WorldKind, str, str, bool]) -> pa.Table:
    """Accounts of (world, persona, verdict, flagged)."""
    names = ("world", "persona", "verdict", "flagged")
    return pa.Table.from_pylist([dict(zip(names, (row[0].name, *row[1:]), strict=True)) for row in rows])


CANDIDATES = candidates_of(
    (KINDS[0], 3.5, False, "none"),
    (KINDS[1], 9.0, True, "review"),
    (KINDS[1], 8.0, False, "review"),  # a relay, of which most members are a class: named wrongly
    (KINDS[2], 1.25, False, "none"),
)
ACCOUNTS = accounts_of(
    *[(KINDS[0], "class", "none", False)] * 5,
    *[(KINDS[1], "class", "review", False)] * 3,
    *[(KINDS[1], "reseller", "review", False)] * 2,
    *[(KINDS[2], "reseller", "none", False)] * 4,
)


def test_all_personas_and_generators_are_counted() -> None:
    text, flagged = report(CANDIDATES, ACCOUNTS, KINDS)
    lines = text.splitlines()
    assert flagged == 0
    assert lines[0].startswith("3 honest worlds, 14 accounts: 0 flagged, at most ")
    assert f"{100 * upper_bound(0, 14):.4f} % (upper 95 % bound)" in lines[0]
    assert "2 review cases, 0 of them named rightly; 2 others, " in lines[0]
    assert f"{1e6 * 2 / 14 / 2:.1f} per million accounts and week; 5 accounts in review cases" in lines[0]
    assert f"| {KINDS[1].name} | relay | class | 1 | 0.000 |" in lines
    # What openly is one customer is never flagged, whatever bits it has.
    assert "| first | 2 | 10 | 0 | 2 | 0 | 8.0 |" in lines
    assert "| second | 1 | 4 | 0 | 0 | 0 | 1.2 |" in lines
    assert lines[-2:] == [
        f"| class | 8 | 0 | {100 * upper_bound(0, 8):.3f} % | 3 |",
        f"| reseller | 6 | 0 | {100 * upper_bound(0, 6):.3f} % | 2 |",
    ]


def test_a_relay_for_review_is_no_error_and_worlds_that_are_not_ours_have_no_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    third = WorldKind(0, 4, generator=THIRD)
    own = candidates_of((third, 8.0, False, "review"), (third, 9.0, False, "review"))
    own = own.set_column(own.column_names.index("persona"), "persona", pa.array(["rented", "rented"]))
    cases = pa.concat_tables([CANDIDATES, own])
    accounts = pa.concat_tables([ACCOUNTS, accounts_of(*[(third, "rented", "review", False)] * 4)])
    kinds = [*KINDS, third]
    text, _ = report(cases, accounts, kinds)
    assert "4 review cases, 1 of them named rightly; 3 others" in text, "the other is called a harvest"
    assert "| third | 1 | 4 | 0 | 2 | 1 | 9.0 |" in text
    monkeypatch.setattr(honest_worlds, "FIGURES", tmp_path / "figures.json")
    honest_worlds.write(cases, accounts, kinds)
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    told = figures["honest-flagged"]["value"], figures["honest-reviews"]["value"]
    assert told == ("0 of 14", "2 groups for review")


def test_a_world_that_is_not_ours_keeps_rented_pools_without_their_operation(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    operations = [{"name": "a", "accounts": 9, "requests": 7}, {"name": "b", "pool": 30, "requests": 7}]
    for name, more in (("t1", {"operations": operations, "fresh": True}), ("t2", {"operations": []}), ("t2s", {})):
        (tmp_path / "specs" / f"{name}.json").write_text(json.dumps({"name": name, "seed": 1} | more))
    assert honest_spec(tmp_path, 4, 60, 7) == {
        "name": "t1",
        "seed": 4,
        "accounts": 60,
        "days": 7,
        "fresh": True,
        "operations": [{"name": "b", "pool": 30, "requests": 0}],
    }
    assert honest_spec(tmp_path, 5, 60, 7)["name"] == "t2", "t2s is t2 with fewer accounts"
    (tmp_path / "world.py").write_text("raise SystemExit('no orjson here')")
    with pytest.raises(RuntimeError, match="no orjson here"):
        hunt_third_world(tmp_path, honest_spec(tmp_path, 4, 60, 7), 1)


def test_who_was_flagged_is_named_and_gives_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alarming = pa.concat_tables([ACCOUNTS, accounts_of((KINDS[2], "class", "act", True))])
    text, flagged = report(CANDIDATES, alarming, KINDS)
    assert flagged == 1
    assert f"| class | 9 | 1 | {100 * upper_bound(1, 9):.3f} % | 3 |" in text
    assert "| second | 1 | 5 | 1 | 0 | 0 | 1.2 |" in text
    monkeypatch.setattr(honest_worlds, "world_kinds", lambda *_: KINDS)
    for accounts, code in ((ACCOUNTS, 0), (alarming, 1)):
        monkeypatch.setattr(honest_worlds, "gather", lambda *_, accounts=accounts: (CANDIDATES, accounts))
        assert honest_worlds.main(["--rows", "nowhere"]) == code
        assert "honest worlds" in capsys.readouterr().out


def test_seeds_are_taken_from_three_families_in_turn() -> None:
    kinds = world_kinds([4, 1, 2, 3], None)
    assert [(kind.generator, kind.seed) for kind in kinds] == [
        ("first", SEEDS[0]),
        ("first", SEEDS[1]),
        ("first", SEEDS[2]),
        ("first", SEEDS[0] + 1),
        ("second", SEEDS[0]),
    ]
    assert all(kind.rung == 0 for kind in kinds)
    real = world_kinds([0, 0, 2, 1], Path("texts.parquet"), Path("worlds"))
    assert [(kind.generator, kind.texts) for kind in real] == [
        *[("texts", Path("texts.parquet"))] * 2,
        (THIRD, Path("worlds")),
    ]


def test_only_worlds_of_real_texts_read_the_file_of_texts() -> None:
    """Both were built from real texts once, and the same worlds counted twice."""
    assert WorldKind(0, 1, 60, 4, "second", Path("no such file")).build().accounts.num_rows >= 60
    with pytest.raises(InputError, match="no such file"):
        WorldKind(0, 1, 60, 4, "texts", Path("no such file")).build()


# Rows of candidates.


def case_tables(stated: list[tuple[str, str, str | None, float, float]]) -> dict[str, pa.Table]:
    """A case of two candidates of three members each; (family, kind, account, bits, bits as measured) of the first."""
    evidence = [
        {"campaign_id": "c-1", "account_id": account, "family": family, "kind": kind, "bits": bits, "raw_bits": raw}
        for family, kind, account, bits, raw in stated
    ]
    evidence.append({**evidence[0], "campaign_id": "c-2"})
    members = [{"campaign_id": c, "account_id": a} for c, own in (("c-1", "abc"), ("c-2", "xyz")) for a in own]
    campaigns = [{"campaign_id": c, "verdict": "none", "score": 0.25, "kind": "harvest"} for c in ("c-1", "c-2")]
    return {
        "evidence": pa.Table.from_pylist([row | {"independent": False} for row in evidence]),
        "members": pa.Table.from_pylist(members),
        "campaigns": pa.Table.from_pylist(campaigns),
    }


PRIOR = Config().score.prior_bits


def rows_of(harvests: dict[str, str]) -> list[dict[str, Any]]:
    stated = [
        ("prior", "prior", None, PRIOR, PRIOR),
        ("queue", "topic_mixture", None, 6.0, 18.0),
        ("queue", "own_words", None, 1.0, -3.0),
        ("content", "phrase_mixture", "a", 9.0, 9.0),
        ("identity", "open_customer", None, 0.0, -6.0),
        ("explanations", "chance", None, -1.0, PRIOR + 7.0),
        ("explanations", "customer", None, 0.0, PRIOR + 7.0),
    ]
    personas = {"a": "class", "b": "class", "c": "reseller", "x": "tester", "y": "tester", "z": "tester"}
    return list(candidate_rows(case_tables(stated), harvests, personas))


def test_a_row_has_the_groups_odds_without_prior_and_without_members() -> None:
    first, second = rows_of({})
    assert first["bits"] == pytest.approx(6.0), "seven against each of two explanations"
    assert {family: first[family] for family in FAMILIES if first[family]} == {"queue": 12.0}, "its cap"
    assert json.loads(first["kinds"]) == [
        ["queue", "topic_mixture", 18.0, False],
        ["queue", "own_words", -3.0, False],
        ["identity", "open_customer", -6.0, False],
    ]
    assert (first["open"], second["open"]) == (True, False)
    assert (first["persona"], first["size"], first["score"]) == ("class", 3, 0.25)
    assert (second["bits"], second["kinds"], second["persona"]) == (0.0, "[]", "tester")


@pytest.mark.parametrize(
    ("harvesting", "true", "persona"),
    [("", False, "class"), ("a", False, "class"), ("ab", True, "reseller"), ("abc", True, "")],
)
def test_a_candidate_is_true_where_half_of_its_members_harvest(harvesting: str, true: bool, persona: str) -> None:
    """The persona is that of most of its honest members."""
    first, second = rows_of(dict.fromkeys(harvesting, "c1") | {"x": ""})
    assert (first["true"], second["true"]) == (true, False)
    assert first["persona"] == persona
