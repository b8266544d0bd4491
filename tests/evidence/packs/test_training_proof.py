"""The result of `model prove` in a pack: of one campaign, under its pseudonym, and only where it follows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from evidence.hunted import FULL, SHORT, campaigns, packed, signer
from evidence.packs.test_rebuilding import opened
from evidence.packs.training_proofs import PAIRS, proof_of
from stillhunt.base.config import Config
from stillhunt.base.errors import PackError
from stillhunt_evidence.packs.manifest import as_plain_json
from stillhunt_evidence.packs.proof_file import (
    CONTROLS_TEST,
    NO_CONCLUSION,
    PROOF_FILE,
    PROOF_RULES,
    TEST_WEIGHTS,
    ProofDocument,
    ProofModel,
    read_proof,
)
from stillhunt_evidence.packs.rebuilding import rebuild_pack
from stillhunt_evidence.packs.verifying import Trust, verify_pack
from stillhunt_evidence.pages.trained_models import about_p_value, p_value, training_sentences


@pytest.mark.parametrize("discretion", [SHORT, FULL])
def test_a_pack_has_the_proof_of_its_campaign_alone(tmp_path: Path, discretion: Any) -> None:
    name = campaigns()[0]
    shown = discretion.names.one("campaign", name)
    pack = packed(proof=proof_of(1e-20, 0.3), discretion=discretion)
    found = json.loads(pack.files[PROOF_FILE])
    assert [one["campaign_id"] for one in found["campaigns"]] == [shown]
    assert found["named"] == shown
    assert campaigns()[1].encode() not in pack.files[PROOF_FILE]
    page = pack.files["dossier.html"].decode()
    assert "Was a model trained on the answers?" in page
    assert "their-model at https://their.example/v1" in page
    assert "it was trained on this harvest: corrected p-value 2.5e-17, where 1e-05 is needed" in page
    assert "does not show who trained the model" in page
    assert "The tests were given the answers to 40 of 1,719 harvested requests." in page
    path = tmp_path / "pack.zip"
    verified = opened(dict(pack.files), tmp_path, pack.manifest.header)
    assert rebuild_pack(verified).differences == []
    assert verify_pack(path, Trust([signer()])).files[PROOF_FILE] == pack.files[PROOF_FILE]


def test_the_largest_bar_is_that_of_the_setting() -> None:
    largest = PROOF_RULES.largest_alpha
    assert Config(model={"alpha": largest}).model.alpha == largest
    with pytest.raises(ValueError, match="alpha"):
        Config(model={"alpha": largest + 1e-9})
    assert packed(proof=with_bar(largest)).files[PROOF_FILE]
    assert sum(TEST_WEIGHTS.values()) == pytest.approx(1)


def test_how_much_of_the_harvest_was_used_is_said_where_it_is_known() -> None:
    plain = proof_of(1e-20).as_plain()
    assert "given the answers to 40 of 1,719 harvested requests" in " ".join(training_sentences(plain))
    plain["campaigns"][0]["requests"] = 0
    assert "given the answers" not in " ".join(training_sentences(plain))


def test_a_campaign_without_a_conclusion_is_not_named() -> None:
    pack = packed(proof=proof_of(1e-20, 0.3), campaign_id=campaigns()[1])
    assert json.loads(pack.files[PROOF_FILE])["named"] == ""
    page = pack.files["dossier.html"].decode()
    assert "The tests reach no conclusion: corrected p-value 1.000, where 1e-05 is needed" in page
    assert "Was a model trained" not in packed().files["dossier.html"].decode()


def changed_campaign(**changes: Any) -> ProofDocument:
    whole = proof_of(1e-20)
    return dataclasses.replace(whole, campaigns=[dataclasses.replace(whole.campaigns[0], **changes)])


def changed_test(**changes: Any) -> ProofDocument:
    tests = proof_of(1e-20).campaigns[0].tests
    return changed_campaign(tests=[dataclasses.replace(tests[0], **changes), *tests[1:]])


def with_bar(alpha: float) -> ProofDocument:
    """A proof that says all that follows from its bar."""
    return proof_of(1e-20, alpha=alpha, about=list(about_p_value(PAIRS, alpha)))


WRONG = {
    "another campaign": lambda: changed_campaign(campaign_id="c-other"),
    "other requests": lambda: changed_campaign(requests=7),
    "no case": lambda: changed_campaign(requests=0, requests_sha256=""),
    "a smaller p-value": lambda: changed_campaign(p=1e-30),
    "a corrected one that does not follow": lambda: changed_campaign(corrected=1e-30),
    "a test that gave less": lambda: changed_test(p=1e-3),
    "a verdict that does not follow": lambda: changed_campaign(verdict=NO_CONCLUSION),
    "weights that allow more": lambda: changed_test(weight=0.9),
    "a test without a weight": lambda: changed_test(weight=0.0),
    "a smaller weight": lambda: changed_test(weight=0.3),
    "a test twice": lambda: changed_test(name=CONTROLS_TEST),
    "an unknown test": lambda: changed_test(name="marks"),
    "no test": lambda: changed_campaign(tests=[]),
    "no bar": lambda: proof_of(1e-20, alpha=0.0),
    "a high bar": lambda: with_bar(0.051),
    "no place": lambda: changed_campaign(place=0),
    "a place outside": lambda: changed_campaign(place=PAIRS + 1),
    "more queries than allowed": lambda: proof_of(1e-20, queries=239),
    "tests with more queries than were asked": lambda: proof_of(1e-20, asked=119),
    "no answers": lambda: changed_campaign(answers=0),
    "more answers than requests": lambda: changed_campaign(answers=1_000_000),
    "the teacher itself": lambda: proof_of(1e-20, suspect=ProofModel("ours", "d" * 64)),
    "a reference itself": lambda: proof_of(1e-20, references=[ProofModel("r", "c" * 64)]),
    "fewer pairs": lambda: proof_of(1e-20, pairs=10),
    "a lower bar": lambda: proof_of(1e-4, alpha=1.0),
    "another meaning": lambda: proof_of(1e-20, about=["It is certain."]),
    "nothing that it does not show": lambda: proof_of(1e-20, not_shown=[]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_proof_that_does_not_follow_is_refused_and_found_in_a_pack(tmp_path: Path, name: str) -> None:
    wrong = WRONG[name]()
    with pytest.raises(PackError, match="no result of `stillhunt model prove` for the pack"):
        packed(proof=wrong, discretion=FULL)
    # Whoever signs a pack can put it in by hand.
    made = packed(discretion=FULL)
    verified = opened({**made.files, PROOF_FILE: as_plain_json(wrong.as_plain())}, tmp_path, made.manifest.header)
    assert any(one.startswith(f"{PROOF_FILE}: ") for one in rebuild_pack(verified).differences)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"version": 1}', b"[" * 200_000, b" " * (5 << 20), b'{"version": NaN}'],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.json").write_bytes(content)
    with pytest.raises(PackError, match="no result of `stillhunt model prove`"):
        read_proof(tmp_path / "p.json")
    with pytest.raises(PackError, match="cannot be read"):
        read_proof(tmp_path / "missing.json")
    plain = {**proof_of(1e-20).as_plain(), "version": 2}
    (tmp_path / "p.json").write_bytes(as_plain_json(plain))
    with pytest.raises(PackError, match="it has version 2"):
        read_proof(tmp_path / "p.json")


def test_texts_of_a_proof_reach_no_terminal_or_page() -> None:
    hostile = "\x1b[31m\u202e<script>alert(1)</script>"
    pack = packed(proof=proof_of(1e-20, suspect=ProofModel(hostile, "c" * 64)))
    page = pack.files["dossier.html"].decode()
    assert "<script>alert" not in page
    assert "\x1b" not in page + pack.files[PROOF_FILE].decode()
    assert "\u202e" not in page + pack.files[PROOF_FILE].decode()


def test_p_values_are_for_people() -> None:
    assert [p_value(one) for one in (1.0, 0.03171, 0.001, 1.234e-7, 1e-300)] == [
        "1.000",
        "0.032",
        "0.001",
        "1.2e-07",
        "< 1e-299",
    ]
    assert training_sentences(None) == ()
