"""The result of `stillhunt model prove`, as it is in proof.json and in a pack: its form, and whether it follows."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from stillhunt import PackError
from stillhunt.tools import UNSAFE, read_parameters
from stillhunt_evidence.pages.trained_models import NOT_SHOWN_BY_TRAINING, about_p_value

MARKS_TEST, CANARIES_TEST, CONTROLS_TEST = "inherited marks", "canaries", "control answers"


class ProofRules(NamedTuple):
    """Parameters that the tests and the readers of their results share."""

    marks_weight: float
    canaries_weight: float
    controls_weight: float
    largest_alpha: float


PROOF_RULES = read_parameters(ProofRules, "dossier.proof")
"""Their values."""
TEST_WEIGHTS = {
    MARKS_TEST: PROOF_RULES.marks_weight,
    CANARIES_TEST: PROOF_RULES.canaries_weight,
    CONTROLS_TEST: PROOF_RULES.controls_weight,
}
"""Name of a test -> share of the error rate that it may use, fixed before anybody is asked. The shares of tests that
cannot run are lost: to give them to others would need to know beforehand that they cannot."""


PROOF_FILE = "proof.json"
PROOF_VERSION = 1
TRAINED, NO_CONCLUSION = "trained on this harvest", "no conclusion"
"""The two verdicts; there is none that clears a suspect."""
_MOST_BYTES = 4 << 20
_Text = Annotated[str, msgspec.Meta(max_length=1000)]
_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


@dataclass(frozen=True)
class ProofModel:
    """A model by name and SHA-256, of its weights, or of address and name of an endpoint."""

    name: _Text
    fingerprint: _Digest


@dataclass(frozen=True)
class ProofTestRow:
    """What one test gave."""

    name: _Text
    weight: _Share
    p: _Share  # p-value; 1 where the test could not run
    statistic: float
    used: _Count  # scored units: tokens, canaries, pairs of answers
    queries: _Count
    note: _Text
    power: _Text  # what it could have seen


@dataclass(frozen=True)
class ProvedCampaign:
    """What came of one campaign."""

    campaign_id: _Text
    verdict: _Text
    p: _Share  # the smallest p-value of the tests, each divided by its weight
    corrected: _Share  # that times the pairs of the register, at most 1
    place: _Count
    register_line: _Digest  # SHA-256 of the register's line of this pair, which fixes all lines before it
    # harvested requests whose prompt and answer were found and given to the tests: a sample of at most as many as the
    # budget has queries. A test uses those of them that it can; its `used` says how much it scored.
    answers: _Count
    answers_sha256: _Digest  # of their texts, so that it can be shown later which they were
    honest: _Count  # answers of the same time to accounts that nobody suspects, which the tests were given as well
    honest_sha256: _Digest
    # all harvested requests of the campaign in the case, of which `answers` are a part; 0 without a case
    requests: _Count
    requests_sha256: str  # of the list of their ids, as the header of a pack has it; empty without a case
    tests: Annotated[list[ProofTestRow], msgspec.Meta(max_length=16)]


@dataclass(frozen=True)
class ProofDocument:
    """proof.json."""

    version: int
    suspect: ProofModel
    teacher: ProofModel
    references: Annotated[list[ProofModel], msgspec.Meta(max_length=1000)]
    alpha: _Share  # bar on the corrected p-value
    pairs: Annotated[int, msgspec.Meta(ge=1, lt=1 << 53)]  # of suspect and campaign, for which the register was made
    # queries, asked: budget of queries, and how many were used, for all campaigns together
    queries: _Count
    asked: _Count
    seed: Annotated[int, msgspec.Meta(ge=0)]
    named: _Text  # the campaign with the smallest p-value, where its verdict is `TRAINED`; else empty
    campaigns: Annotated[list[ProvedCampaign], msgspec.Meta(max_length=10_000)]
    about: Annotated[list[_Text], msgspec.Meta(max_length=16)]
    not_shown: Annotated[list[_Text], msgspec.Meta(max_length=16)]

    def as_plain(self) -> dict[str, Any]:
        """As what JSON has."""
        return dataclasses.asdict(self)


def combined_p(tests: Mapping[str, tuple[float, float]]) -> float:
    """The p-value of several tests: the smallest of them, each divided by its weight (Bonferroni, with weights).

    `tests`: name -> p-value and weight; the weights together are at most 1.
    """
    return min([1.0, *(p / weight for p, weight in tests.values())])


def read_proof(path: Path) -> ProofDocument:
    """What `stillhunt model prove` wrote.

    Raises PackError: it cannot be read, or is not of that form.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _no_proof(f"it cannot be read: {error.strerror or error}", str(path)) from error
    if len(content) > _MOST_BYTES:
        raise _no_proof("it is too long", str(path))
    return decoded_proof(content, str(path))


def decoded_proof(content: bytes, where: str) -> ProofDocument:
    """A proof from its bytes.

    Raises PackError: it is not of that form.
    """
    try:
        proof = msgspec.json.decode(content, type=ProofDocument)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise _no_proof("it is not of the form of proof.json", where) from error
    if proof.version != PROOF_VERSION:
        raise _no_proof(f"it has version {proof.version}, and {PROOF_VERSION} is known", where)
    return proof


def proof_of_campaign(
    proof: ProofDocument, campaign_id: str, shown_id: str, harvest: Mapping[str, Any]
) -> ProofDocument:
    """What a pack has of a proof: one campaign, by the name that the pack gives it.

    Raises PackError: the proof is not about this campaign with these requests, or its numbers do not follow.
    """
    own = [one for one in proof.campaigns if one.campaign_id == campaign_id]
    if len(own) != 1:
        raise _no_proof("it says nothing of this campaign", PROOF_FILE)
    shown = dataclasses.replace(
        proof,
        named=shown_id if proof.named == campaign_id else "",
        campaigns=[dataclasses.replace(own[0], campaign_id=shown_id)],
    )
    faults = list(proof_faults(shown, shown_id, harvest))
    if faults:
        raise _no_proof(faults[0], PROOF_FILE)
    return msgspec.convert(_without_controls(shown.as_plain()), type=ProofDocument)


def proof_faults(proof: ProofDocument, campaign_id: str, harvest: Mapping[str, Any]) -> Iterator[str]:
    """Where a proof is about something else, or says what does not follow from the p-values of its tests."""
    if [one.campaign_id for one in proof.campaigns] != [campaign_id]:
        yield "it is not about this campaign alone"
        return
    (own,) = proof.campaigns
    if {"requests": own.requests, "sha256": own.requests_sha256} != harvest:
        yield "it is about other harvested requests than those of the case"
    weights = {one.name: one.weight for one in own.tests}
    if not weights or len(weights) < len(own.tests) or not weights.items() <= TEST_WEIGHTS.items():
        yield "its tests are not those of this version, each with its fixed weight"
        return
    yield from _faults_of_numbers(proof, own)
    p = combined_p({one.name: (one.p, one.weight) for one in own.tests})
    corrected = min(1.0, p * proof.pairs)
    if (own.p, own.corrected) != (p, corrected):
        yield "its p-value does not follow from those of the tests"
    if own.verdict != (TRAINED if corrected <= proof.alpha else NO_CONCLUSION):
        yield "its verdict does not follow from the p-value"
    if proof.named not in ("", campaign_id) or (proof.named and own.verdict != TRAINED):
        yield "it names a campaign without the verdict"
    if proof.about != list(about_p_value(proof.pairs, proof.alpha)) or proof.not_shown != list(NOT_SHOWN_BY_TRAINING):
        yield "what it says of its p-value is not what this version says"


def _faults_of_numbers(proof: ProofDocument, own: ProvedCampaign) -> Iterator[str]:
    """Where the numbers of a proof are none that `model prove` can write."""
    if not 0 < proof.alpha <= PROOF_RULES.largest_alpha:
        yield f"its bar is above {PROOF_RULES.largest_alpha:g}"
    if not 1 <= own.place <= proof.pairs:
        yield "its place is none of the register"
    if proof.asked > proof.queries or sum(one.queries for one in own.tests) > proof.asked:
        yield "it used more queries than it had"
    if own.answers < 1 and any(one.used or one.p < 1 for one in own.tests):
        yield "its tests used answers, and it had none"
    if own.honest < 1 and any(one.name == CONTROLS_TEST and one.p < 1 for one in own.tests):
        yield "it compared control answers, and had no answers to honest accounts"
    if own.answers > own.requests > 0:
        yield "it used more answers than the campaign harvested"
    if proof.suspect.fingerprint in {proof.teacher.fingerprint, *(one.fingerprint for one in proof.references)}:
        yield "the suspect is the teacher or a reference"


def _without_controls(value: Any) -> Any:
    """A plain value whose texts have no character that a terminal or a page could obey."""
    if isinstance(value, str):
        return UNSAFE.sub("", value)
    if isinstance(value, dict):
        return {key: _without_controls(one) for key, one in value.items()}
    return [_without_controls(one) for one in value] if isinstance(value, list) else value


def _no_proof(what: str, where: str) -> PackError:
    return PackError(
        f"this is no result of `stillhunt model prove` for the pack: {what}",
        where=where,
        next_step="ask again, with the case of this pack",
    )
