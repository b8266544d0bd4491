"""Every kind of evidence declares every part, its sentences are plain with any figures, and what is derived holds."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stillhunt.base.errors import ContractError
from stillhunt.base.families import EVIDENCE_FAMILIES, FAMILY_OF
from stillhunt.base.formatting import sentence
from stillhunt.base.wording import fill
from stillhunt.collect.inspection import coverage
from stillhunt.score import evidence_needs
from stillhunt.score.evidence import kind as kind_module
from stillhunt.score.evidence import kinds
from stillhunt.score.evidence.catalogue import (
    CATALOGUE,
    KIND_OF,
    checked,
    family_needs,
    kinds_that_see,
)
from stillhunt.score.evidence.kind import (
    EvidenceKind,
    _declared_kinds,
    declared_kind,
    members_sharing,
    missing_parts,
)
from wording import assert_plain, faults_in, fields_of

COUNTS = (0, 1, 2, 1234)
SHARES = (0.0, 0.0004, 0.05, 0.5, 0.9996, 1.0)
MODULES = sorted(path for path in Path(kinds.__path__[0]).glob("[a-z]*.py"))
TEXTS = {
    "members": ("All 70 accounts", "1 of 70 accounts", "12 of 70 accounts"),
    "answers": ("", ", and its answers average 1,234 tokens"),
    "below": ("98 %",),
    "verb": ("elicit reasoning",),
    "what": ("1 payment instrument", "3 sign-up networks"),
}
"""Values of fields that are texts of their own."""
every_kind = pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.name)


@every_kind
def test_every_kind_declares_every_part(kind: EvidenceKind) -> None:
    assert missing_parts(kind) == []
    assert_plain(sentence(kind.null.honest))
    assert_plain(sentence(kind.measures))


@pytest.mark.parametrize(
    "lacking",
    [
        {"name": ""},
        {"family": "astrology"},
        {"measures": ""},
        {"null": replace(CATALOGUE[0].null, honest="")},
        {"null": replace(CATALOGUE[0].null, provenance=replace(CATALOGUE[0].null.provenance, how=""))},
        {"columns": (replace(CATALOGUE[0].columns[0], name="no_such_column"),)},
        {"calls": "some"},
        {"most_bits": 1.0, "least_bits": 2.0},
        {"wording": replace(CATALOGUE[0].wording, evidence_for="")},
        {"wording": replace(CATALOGUE[0].wording, evidence_against="")},
        {"wording": replace(CATALOGUE[0].wording, insufficient="")},
        {"wording": replace(CATALOGUE[0].wording, variants=("",))},
        {"members": replace(CATALOGUE[0].members, evidence_against="")},  # type: ignore[type-var]  # it has members
    ],
    ids=lambda lacking: next(iter(lacking)),
)
def test_a_kind_that_lacks_a_part_is_found(lacking: dict[str, Any]) -> None:
    assert missing_parts(replace(CATALOGUE[0], **lacking))


def test_every_module_declares_kinds_and_has_a_test_file() -> None:
    declared: list[EvidenceKind] = []
    for path in MODULES:
        module = importlib.import_module(f"{kinds.__name__}.{path.stem}")
        own = getattr(module, "KINDS", ()) or (module.KIND,)
        assert own, f"{path.name} declares no kind"
        declared += own
        assert (Path(__file__).parent / "kinds" / f"test_{path.name}").is_file(), f"{path.name} has no test file"
    assert sorted(declared, key=lambda kind: kind.order) == list(CATALOGUE)
    assert len({kind.name for kind in CATALOGUE}) == len(CATALOGUE) == len(KIND_OF) > 20
    assert all(KIND_OF[kind.name] is kind for kind in CATALOGUE)


def test_a_kind_that_the_file_declares_wrongly_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _declared_kinds()
    assert said.keys() == KIND_OF.keys()
    weigh = KIND_OF["own_words"].weigh
    for fault in ({"measures": None}, {"measured": None}, {"judgement": "two origins"}, {"measure": "no such entry"}):
        told = {key: text for key, text in {**said["own_words"], **fault}.items() if text is not None}
        monkeypatch.setattr(kind_module, "_declared_kinds", lambda told=told: {"own_words": told})
        with pytest.raises(ContractError, match="is not declared completely"):
            declared_kind("own_words", weigh, most_bits=1.0, least_bits=0.0)


@pytest.mark.parametrize("twice", ["name", "order"])
def test_two_kinds_with_one_name_or_order_are_an_error(twice: str) -> None:
    fake = replace(CATALOGUE[0], name="fake", order=9_999)
    assert checked([fake, CATALOGUE[1]]) == (CATALOGUE[1], fake)
    with pytest.raises(ContractError, match="several kinds of evidence"):
        checked([replace(fake, **{twice: getattr(CATALOGUE[1], twice)}), CATALOGUE[1]])


def test_a_kind_of_no_known_family_is_an_error() -> None:
    with pytest.raises(ContractError, match="no such family of evidence: astrology"):
        checked([replace(CATALOGUE[0], family="astrology")])


def renderings(template: str) -> list[str]:
    """A template filled with every count, share and text, each figure by itself beside usual ones."""
    forms: dict[str, list[str]] = {}
    for name, form in fields_of(template):
        forms.setdefault(name, []).append(form)
    values: dict[str, tuple[Any, ...]] = {}
    for name, used in forms.items():
        if name in TEXTS:
            values[name] = TEXTS[name]
        else:
            digits = any(re.fullmatch(r"\.\d+f", form) for form in used)
            values[name] = SHARES if "%" in used else (0.04, 1.0, 12.5) if digits else COUNTS
    usual = {name: options[-2 if len(options) > 1 else 0] for name, options in values.items()}
    filled = [fill(template, **usual)]
    for name, options in values.items():
        filled += [fill(template, **{**usual, name: option}) for option in options]
    return filled


@every_kind
def test_statements_are_plain_with_any_figures(kind: EvidenceKind) -> None:
    wording = kind.wording
    for template in (wording.evidence_for, wording.evidence_against, *wording.variants, wording.insufficient):
        for statement in renderings(template):
            assert_plain(statement + ".")


@every_kind
def test_sentences_about_members_are_plain_and_have_no_figures(kind: EvidenceKind) -> None:
    for statement in (kind.members.evidence_for, kind.members.evidence_against) if kind.members else ():
        assert fields_of(statement) == []
        assert_plain(statement + ".")


@pytest.mark.parametrize(
    "statement",
    [
        "1 accounts use one template",
        "0 account uses one template",
        "Of 4896 requests none repeats",
        "8.6% of its requests repeat",
        "Twice  the space",
        "Its {share} is not filled",
        "Its share is nan",
        "it begins without a capital",
        "It ends with a full stop.",
        "The manner differs",
        "More than over 99 % differ",
        "Minus -20 bits",
    ],
)
def test_faults_are_found(statement: str) -> None:
    assert faults_in(statement + ".")


@every_kind
def test_bits_stay_within_the_declared_bounds_and_the_template_follows_the_sign(kind: EvidenceKind) -> None:
    unbounded = replace(
        kind,
        wording=replace(
            kind.wording, evidence_for="For {n:#}", evidence_against="Against {n:#}", variants=("V {n:#}",)
        ),
    )
    for bits in (-99.0, 0.0, 99.0):
        found = unbounded.finding(bits, {"n": 2})
        low, high = (
            (-99.0 if kind.least_bits is None else kind.least_bits),
            (99.0 if kind.most_bits is None else kind.most_bits),
        )
        assert found.bits == min(max(bits, low), high)
        assert found.statement == ("For 2" if found.bits > 0 else "Against 2")
        assert (found.family, found.kind, found.count, len(found.rows)) == (kind.family, kind.name, 0, 0)
        assert not found.insufficient
        assert not found.independent
        assert unbounded.finding(bits, {"n": 2}, variant=0).statement == "V 2"
    lacking = replace(kind, wording=replace(kind.wording, insufficient="Only {n:#}")).insufficient({"n": 1})
    assert (lacking.bits, lacking.statement, lacking.insufficient, lacking.member_bits) == (0.0, "Only 1", True, None)


@pytest.mark.parametrize(
    ("sharing", "members", "words"),
    [(12, 70, "12 of 70 accounts"), (70, 70, "All 70 accounts"), (2, 2, "Both accounts"), (1, 1, "The only account")],
)
def test_a_statement_begins_with_how_many_members_share(sharing: int, members: int, words: str) -> None:
    assert members_sharing(sharing, members) == words


# What is derived from the declarations.


def test_sampling_rules() -> None:
    assert kinds_that_see("every") == ("follow_ups", "no_repeats", "account_replacement", "own_checks", "talk")
    assert kinds_that_see("even") == ("own_words", "even_volume", "similar_workload", "plan_use")
    needs = evidence_needs()
    assert (needs.every_call, needs.even_sampling) == (kinds_that_see("every"), kinds_that_see("even"))
    assert needs.families == family_needs()


def test_each_family_needs_the_columns_of_its_kinds() -> None:
    needs = family_needs()
    assert list(needs) == [family.name for family in EVIDENCE_FAMILIES]
    assert {name: need.enough for name, need in needs.items()} == {
        "content": ("prompt", "system_prompt"),
        "queue": ("prompt",),
        "timing": (),
        "network": ("user_agent", "tls_fingerprint", "client_ip"),
        "identity": (
            "accounts.organization_id",
            "organization_id",
            "accounts.email_domain",
            "accounts.payment_fingerprint",
            "accounts.signup_ip",
            "accounts.created_at",
        ),
        "conduct": ("turn", "prompt"),
    }
    for name, need in needs.items():
        declared = {column.name for kind in CATALOGUE if kind.family == name for column in kind.columns if column.gives}
        assert {column for column, _ in need.helpful} == declared
        assert len(need.helpful) == len(declared)
        assert need.shows == FAMILY_OF[name].shows


def test_coverage_says_what_each_family_lacks() -> None:
    needs = evidence_needs()
    nothing = {part.family: part for part in coverage(needs, frozenset(), None)}
    assert [name for name, part in nothing.items() if part.available] == ["timing"]
    for name, part in nothing.items():
        assert_plain(sentence(part.sentence))
        assert needs.families[name].shows in part.sentence or part.available
    everything = frozenset(column for need in needs.families.values() for column, _ in need.helpful)
    for part in coverage(needs, everything, None):
        assert part.available
        assert part.sentence == f"{part.family}: nothing is missing"
    for name, need in needs.families.items():
        for column, gives in need.helpful:
            (part,) = (one for one in coverage(needs, everything - {column}, None) if one.family == name)
            assert part.missing == (column,)
            if part.available:
                assert f"without {column} no {gives}" in part.sentence
