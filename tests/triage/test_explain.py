"""An explanation adds up to the stored score, from what is on disk, and says it in plain text."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from stillhunt.base.errors import CaseError
from stillhunt.base.families import OTHERS
from stillhunt.cli import lookups
from stillhunt.triage import Case
from stillhunt.triage.score_breakdown import probability_of

from .fixtures import build, demo_case

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def case() -> Case:
    return demo_case()


@pytest.fixture(scope="module")
def folder(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return case.write(tmp_path_factory.mktemp("cases") / "case")


def by_hand(evidence: list[dict[str, object]], campaign_id: str, account_id: str | None) -> float:
    """The design's formula in plain Python, straight from the file's rows."""
    own = [row["bits"] for row in evidence if row["campaign_id"] == campaign_id and row["account_id"] == account_id]
    return 1 / (1 + 2 ** -math.fsum(own))  # type: ignore[arg-type]  # bits are floats by contract


def test_every_campaign_and_account_is_rebuilt_from_the_file(case: Case, folder: Path) -> None:
    evidence = pq.read_table(folder / "evidence.parquet").to_pylist()
    read = Case.read(folder)
    for row in read.campaigns.to_pylist():
        explanation = read.explain(row["campaign_id"])
        assert explanation.probability == by_hand(evidence, row["campaign_id"], None) == row["score"]
        assert explanation.agrees
        assert len(explanation.memberships) == row["accounts"]
        for part in explanation.memberships[::7]:
            wanted = row["score"] * by_hand(evidence, row["campaign_id"], part.account_id)
            account = read.explain(part.account_id)
            assert account.probability == pytest.approx(wanted, abs=1e-15)
            assert account.probability == part.probability
            assert account.agrees


@pytest.mark.parametrize(
    ("wanted_id", "file"),
    [
        ("hunt-c41d08be", "campaign.txt"),
        ("hunt-0e9b55d7", "review.txt"),
        ("91c2-acct-0003", "account.txt"),
        ("customer-0001", "honest.txt"),
    ],
)
def test_text_is_the_golden_one(case: Case, wanted_id: str, file: str) -> None:
    assert case.explain(wanted_id).text() == (GOLDEN / file).read_text(encoding="utf-8")


def test_json_has_the_same_numbers(case: Case) -> None:
    explanation = case.explain("91c2-acct-0003")
    data = json.loads(json.dumps(explanation.as_dict(), allow_nan=False))
    main = data["memberships"][0]
    assert data["score"] == explanation.probability
    assert math.fsum(term["bits"] for term in data["evidence"]) == pytest.approx(data["log2_odds"])
    assert math.fsum(term["bits"] for term in main["evidence"]) == pytest.approx(main["log2_odds"])
    assert data["evidence"][0]["request_ids"]


def test_a_campaign_is_explained_beside_the_other_explanations(case: Case) -> None:
    rows = case.evidence.to_pylist()
    own = next(row for row in rows if row["campaign_id"] == "hunt-0e9b55d7" and row["account_id"] is None)
    other = {**own, "family": OTHERS, "bits": 0.0, "request_ids": [], "request_count": 0}
    rows += [
        {**other, "kind": key, "raw_bits": raw} for key, raw in (("chance", 9.0), ("company", 4.0), ("public", 8.0))
    ]
    explained = Case({**case.tables, "evidence": build("evidence", rows)}, run=case.run).explain("hunt-0e9b55d7")
    text, told = explained.text(200), explained.as_dict()
    assert "Other explanations\n  - One operator runs these accounts: at least 98 %.\n  - One firm that does" in text
    assert ": 16 times less likely than a harvest. Ask whoever pays or opened the accounts what they are for." in text
    assert "resemble each other by chance" not in text.partition("Other explanations")[2], "only the best two are told"
    assert [one["key"] for one in told["other_explanations"]] == ["company", "public", "chance"]
    assert told["one_operator"] == pytest.approx((1 + 2**-4) / (1 + 2**-4 + 2**-9 + 2**-8))
    assert told["claim"].endswith("The probability is below the 99 % that acting needs.")


@pytest.mark.parametrize("verdict", ["act", "review"])
def test_who_is_flagged_together_is_said_of_members_of_campaigns_to_act_on(case: Case, verdict: str) -> None:
    campaigns = [
        {**row, "verdict": verdict if row["campaign_id"] == "hunt-7f3a91c2" else row["verdict"]}
        for row in case.campaigns.to_pylist()
    ]
    waiting = with_accounts(case, "91c2-acct-0000", verdict="review", flagged=False)
    bent = Case({**waiting.tables, "campaigns": build("campaigns", campaigns)}, run=case.run)
    shown = " ".join(bent.explain("91c2-acct-0000").change)
    assert ("Members of a campaign with the verdict act are flagged together" in shown) == (verdict == "act")


def test_a_case_of_version_7_is_shown_as_it_was(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "case")
    run = json.loads((written / "run.json").read_text("utf-8"))
    (written / "run.json").write_text(json.dumps({**run, "case_version": 7}))
    assert "Other explanations" not in Case.read(written).explain("hunt-0e9b55d7").text()


def test_findings_of_no_weight_are_one_line_and_no_evidence(case: Case) -> None:
    rows = case.evidence.to_pylist()
    own = next(row for row in rows if row["campaign_id"] == "hunt-7f3a91c2" and row["family"] == "queue")
    small = [("no_repeats", 0.04), ("asked_conduct", 0.01), ("asked_conduct", -0.02), ("common_times", -0.049)]
    rows += [{**own, "kind": kind, "bits": bits, "statement": f"nothing much {bits}"} for kind, bits in small]
    text = Case({**case.tables, "evidence": build("evidence", rows)}).explain("hunt-7f3a91c2").text()
    assert "nothing much" not in text
    before = text[: text.index("log2 odds, so")].splitlines()
    assert before[-3] == "  neither for nor against"
    assert before[-2] == "      0.0  4 findings of 0.0 bits: asked conduct, common times and no repeats"


def without_evidence(case: Case, account: str, verdict: str) -> Case:
    """The case with one account whose own verdict is another."""
    accounts = [
        {**row, "verdict": verdict} if row["account_id"] == account else row for row in case.accounts.to_pylist()
    ]
    evidence = [
        {**row, "bits": -6.0} if row["account_id"] == account and row["family"] == "content" else row
        for row in case.evidence.to_pylist()
    ]
    return Case(
        {**case.tables, "accounts": build("accounts", accounts), "evidence": build("evidence", evidence)}, run=case.run
    )


def test_an_account_that_is_not_flagged_is_only_a_possible_member(case: Case) -> None:
    account = "91c2-acct-0003"
    weak = without_evidence(case, account, "none")
    shown = weak.explain(account).text()
    assert "possible member of    hunt-7f3a91c2; not flagged: probability 0.4 %" in shown
    assert "role" not in shown
    of_campaign = weak.explain("hunt-7f3a91c2").as_dict()["members"]
    assert {row["account_id"]: row["verdict"] for row in of_campaign}[account] == "none"
    assert "\n  member of             hunt-7f3a91c2\n" in case.explain("91c2-acct-0000").text()
    review = without_evidence(case, account, "review").explain(account).text()
    assert "possible member of    hunt-7f3a91c2; needs a person's review" in review


def with_accounts(case: Case, account: str, **changes: object) -> Case:
    """The case with one account's row changed in the tables of accounts and members."""
    tables = dict(case.tables)
    for name in ("accounts", "members", "evidence"):
        rows = tables[name].to_pylist()
        tables[name] = build(
            name,
            [
                row | {k: changes[k] for k in changes if k in row} if row["account_id"] == account else row
                for row in rows
            ],
        )
    return Case(tables, case.samples, case.timeline, case.run)


def test_account_with_the_id_of_a_campaign_can_be_chosen(case: Case) -> None:
    taken = with_accounts(case, "91c2-acct-0000", account_id="hunt-7f3a91c2")
    campaign = taken.explain("hunt-7f3a91c2")
    assert campaign.kind == "campaign"
    assert "an account has this id, too: the option 'account' explains that one" in campaign.text(200)
    assert "same id" not in case.explain("hunt-7f3a91c2").text()
    assert taken.explain("hunt-7f3a91c2", account=True).kind == "account"
    with pytest.raises(CaseError, match="no account has the id"):
        case.explain("hunt-7f3a91c2", account=True)


def test_account_of_an_allowed_programme_is_said_to_be_one(case: Case) -> None:
    allowed = with_accounts(case, "91c2-acct-0000", sanctioned=True, verdict="none", flagged=False)
    shown = allowed.explain("91c2-acct-0000").text()
    assert "Verdict none: it belongs to an allowed programme (probability of harvesting " in shown


@pytest.mark.parametrize("wanted_id", ["hunt-7f3a91c2", "91c2-acct-0000"])
def test_lines_fit_a_narrow_terminal(case: Case, wanted_id: str) -> None:
    lines = case.explain(wanted_id).text(70).splitlines()
    assert 60 < max(map(len, lines)) <= 70


@pytest.mark.parametrize(("width", "used"), [(72, 72), (300, 96)])
def test_lines_are_folded_once(folder: Path, monkeypatch: pytest.MonkeyPatch, width: int, used: int) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        lookups, "output_console", lambda: Console(file=screen, force_terminal=True, highlight=False, width=width)
    )
    lookups.explain(folder, "hunt-c41d08be")
    assert screen.getvalue().rstrip() == Case.read(folder).explain("hunt-c41d08be").text(used).rstrip()


@pytest.mark.parametrize("wanted_id", ["hunt-7f3a91c2", "91c2-acct-0000"])
def test_a_probability_has_one_wording(case: Case, wanted_id: str) -> None:
    shown = case.explain(wanted_id).text()
    assert "P(campaign) is at least 98 %" in shown
    assert "e-0" not in shown
    assert "= 0." not in shown


def test_a_score_that_does_not_add_up_is_said_so(case: Case) -> None:
    rows = case.campaigns.to_pylist()
    rows[0]["score"] = 0.5
    bent = Case({**case.tables, "campaigns": build("campaigns", rows)}, case.samples, case.timeline, case.run)
    explanation = bent.explain(rows[0]["campaign_id"])
    assert not explanation.agrees
    assert "Warning: the stored score is 0.500000, but the evidence adds up to " in explanation.text()


def test_account_in_two_campaigns_has_the_higher_score(case: Case) -> None:
    members, evidence = case.members.to_pylist(), case.evidence.to_pylist()
    account = "91c2-acct-0000"
    other = next(row for row in members if row["campaign_id"] == "hunt-0e9b55d7")
    members.append({**other, "account_id": account})
    evidence += [
        {**row, "account_id": account}
        for row in case.evidence.to_pylist()
        if row["account_id"] == other["account_id"] and row["campaign_id"] == "hunt-0e9b55d7"
    ]
    both = Case({**case.tables, "members": build("members", members), "evidence": build("evidence", evidence)})
    explanation = both.explain(account)
    assert [m.campaign_id for m in explanation.memberships] == ["hunt-7f3a91c2", "hunt-0e9b55d7"]
    assert explanation.probability == explanation.memberships[0].probability
    assert "Other campaigns with requests of this account" in explanation.text()


def test_unknown_id_names_the_nearest(case: Case) -> None:
    with pytest.raises(CaseError, match=r"nearest: 91c2-acct-0003") as caught:
        case.explain("91c2-act-0003")
    assert "no account or campaign" in caught.value.what


@pytest.mark.parametrize(
    "hostile", ["", "../../etc/passwd", "\x1b[2J\u202e", "x" * 1_000_000, "'; DROP TABLE accounts"]
)
def test_hostile_ids_are_refused_in_safe_words(case: Case, hostile: str) -> None:
    with pytest.raises(CaseError) as caught:
        case.explain(hostile)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_hostile_statements_cannot_command_the_terminal(case: Case) -> None:
    rows = case.evidence.to_pylist()
    for row in rows:
        row["statement"] = "\x1b]0;owned\x07\u202e" + "A" * 1000 + "\nfake line"
    text = Case({**case.tables, "evidence": build("evidence", rows)}).explain("hunt-7f3a91c2").text()
    assert not any(ord(character) < 32 and character != "\n" for character in text)
    assert "\u202e" not in text
    assert "\\x1b]0;owned" in text
    assert max(map(len, text.splitlines())) <= 100


def test_row_order_changes_nothing(case: Case) -> None:
    turned = {name: table.take(pa.array(range(table.num_rows)[::-1])) for name, table in case.tables.items()}
    other = Case(turned, case.samples, case.timeline, case.run)
    for wanted_id in ("hunt-7f3a91c2", "91c2-acct-0003"):
        assert other.explain(wanted_id) == case.explain(wanted_id)


@pytest.mark.parametrize("log2_odds", [-1e6, -2000.0, -13.0, 0.0, 13.0, 2000.0, 1e6])
def test_probability_neither_overflows_nor_leaves_its_range(log2_odds: float) -> None:
    assert 0.0 <= probability_of(log2_odds) <= 1.0
    assert probability_of(log2_odds) == pytest.approx(1.0 - probability_of(-log2_odds))


@pytest.mark.parametrize("wanted", [None, 5])
def test_an_id_that_is_no_text_is_an_unknown_id(wanted: object) -> None:
    """A notebook user passes what a frame holds; the answer is ours, not the table library's."""
    with pytest.raises(CaseError):
        demo_case().explain(wanted)  # type: ignore[arg-type]  # what a notebook passes


def test_an_account_farm_is_explained_without_a_score_of_harvesting() -> None:
    case = demo_case()
    review = "hunt-0e9b55d7"
    campaigns = [
        {**row, "kind": "account_farm" if row["campaign_id"] == review else row["kind"]}
        for row in case.campaigns.to_pylist()
    ]
    members = {row["account_id"]: row["score"] for row in case.members.to_pylist() if row["campaign_id"] == review}
    accounts = [
        {**row, "score": 0.0 if row["account_id"] in members else row["score"]}
        for row in case.tables["accounts"].to_pylist()
    ]
    tables = {**case.tables, "campaigns": build("campaigns", campaigns), "accounts": build("accounts", accounts)}
    farm = Case(tables, case.samples, case.timeline, case.run)
    explanation = farm.explain(review)
    assert ("kind", "account farm") in explanation.facts
    assert "for review" in explanation.text() or "verdict review" in explanation.text()
    account = farm.explain(next(iter(members)))
    assert account.agrees
    assert account.stored_score == members[account.id]
